"""
The packs that can be fetched, with their hashes.

The archives are those of insightface's release v0.7. Several independent projects pin the same hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

RESEARCH_ONLY = "insightface's pretrained packs are for non-commercial research only."

OTHER_LICENCE = f"As its maker says; {RESEARCH_ONLY}"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file within a pack. `sha256` is hex."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class KnownPack:
    """
    A pack that can be fetched and checked.

    Attributes:
        name: Its directory below `<models.root>/models`.
        url: A zip archive.
        sha256: Of the archive, hex.
        size: Of the archive, bytes. None if it is not known.
        detection: The detector.
        recognition: The recogniser.
        licence: A sentence for the user.
    """

    name: str
    url: str
    sha256: str
    size: int | None
    detection: KnownFile
    recognition: KnownFile
    licence: str = RESEARCH_ONLY


_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"

BUFFALO_L = KnownPack(
    name="buffalo_l",
    url=f"{_RELEASE}/buffalo_l.zip",
    sha256="80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
    size=288_621_354,
    detection=KnownFile("det_10g.onnx", "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"),
    recognition=KnownFile("w600k_r50.onnx", "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"),
)

BUFFALO_SC = KnownPack(
    name="buffalo_sc",
    url=f"{_RELEASE}/buffalo_sc.zip",
    sha256="57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
    size=None,
    detection=KnownFile("det_500m.onnx", "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"),
    recognition=KnownFile("w600k_mbf.onnx", "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"),
)

KNOWN_PACKS = (BUFFALO_L, BUFFALO_SC)
