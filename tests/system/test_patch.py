"""
Changing dates in a photo's bytes: only what may change does, and whatever else would is noticed (R12, R14, Show 1 and 2).
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import piexif
import pillow_heif
import pytest
from date_corpus import Sample, app1, block, corpus, jpeg, second_of_mpf
from exiftool import MISSING, Tags, flaws, read_folder
from PIL import Image as PillowImage
from PIL import ImageSequence
from plain import PlainReader

from facewatchd.core.dates.evidence import Evidence, date_of
from facewatchd.core.dates.plan import Act, DatePlan, Mode, plan
from facewatchd.core.dates.stamps import wall_clock
from facewatchd.photos.decoding.compare import second_reading
from facewatchd.photos.formats import PhotoKind, kind_of
from facewatchd.photos.metadata.tags import read_tags
from facewatchd.photos.writing.edits import Edit, applied, reversed_edits
from facewatchd.photos.writing.patch import edits_for, layout_of
from facewatchd.photos.writing.verify import flaw

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
VALUE = wall_clock(2019, 8, 17, 12, 34, 56)
NAME = b"IMG_20190817_123456"
TEXT = b"2019:08:17 12:34:56\0"
CHECKER = PlainReader(10)
CORPUS = corpus()
WRITTEN = [name for name, sample in CORPUS.items() if sample.act in {Act.PATCH, Act.EXTEND, Act.EXIF}]


def planned(sample: Sample, mode: Mode = Mode.INPLACE, name: bytes = NAME) -> DatePlan:
    evidence = Evidence(name + sample.ending.encode(), 0, read_tags(sample.data))
    return plan(evidence, date_of(evidence, NOW, UTC), layout_of(sample.data), mode, NOW)


def changed(sample: Sample) -> tuple[bytes, tuple[Edit, ...]]:
    edits = edits_for(sample.data, planned(sample))
    return applied(sample.data, edits), edits


def pixels(data: bytes) -> list[np.ndarray]:
    """All frames, by a decoder that is not ours."""
    if kind_of(data) is PhotoKind.HEIC:
        return [np.asarray(pillow_heif.open_heif(data))]
    with PillowImage.open(io.BytesIO(data)) as image:
        return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]


def test_the_corpus_is_large() -> None:
    """Show 1."""
    assert len(CORPUS) >= 40
    assert len(WRITTEN) >= 40


@pytest.mark.parametrize("name", list(CORPUS))
def test_every_layout_has_its_plan(name: str) -> None:
    """In place, as a new block, beside it, or not at all, with the reason."""
    sample = CORPUS[name]
    found = planned(sample)
    assert (found.act, sample.why in found.why) == (sample.act, True), found


@pytest.mark.parametrize("mode", [Mode.SIDECAR, Mode.REPORT, Mode.OFF])
@pytest.mark.parametrize("name", list(CORPUS))
def test_other_modes_change_no_photo(name: str, mode: Mode) -> None:
    """A sidecar where the date may be written at all, else nothing."""
    may_write = CORPUS[name].act is not Act.REPORT
    wanted = Act.SIDECAR if mode is Mode.SIDECAR and may_write else Act.REPORT
    assert planned(CORPUS[name], mode).act is wanted


@pytest.mark.parametrize("name", WRITTEN)
def test_only_date_fields_change(name: str) -> None:
    """Of equal length, 20 bytes each; or one new part, what points at it, and nothing else."""
    sample = CORPUS[name]
    new, edits = changed(sample)
    if sample.act is Act.PATCH:
        assert len(new) == len(sample.data)
        fields = {at for edit in edits for at in range(edit.at, edit.at + len(edit.new))}
        assert {at for at, (a, b) in enumerate(zip(sample.data, new, strict=True)) if a != b} <= fields
        assert all(edit.new == TEXT or _is_checksum(sample, edit) for edit in edits)
    elif sample.ending == ".jpg" and not name.startswith("MPF"):
        added = [edit for edit in edits if not edit.old]
        assert len(added) == 1
        assert all(len(edit.old) == len(edit.new) <= 4 for edit in edits if edit.old)
        if sample.act is Act.EXIF:
            assert edits == tuple(added)
            assert added[0].new[:2] == b"\xff\xe1"
            assert added[0].new[4:10] == b"Exif\0\0"


def _is_checksum(sample: Sample, edit: Edit) -> bool:
    return sample.ending == ".png" and len(edit.new) == 4


@pytest.mark.parametrize("name", WRITTEN)
def test_pixels_and_other_tags_stay(name: str) -> None:
    """Every frame decodes to the same; Pillow and piexif read the new date and all other tags as before."""
    sample = CORPUS[name]
    new, edits = changed(sample)
    assert flaw(sample.data, new, edits, VALUE, CHECKER) == ""
    assert read_tags(new).original == TEXT[:-1].decode()
    before, after = pixels(sample.data), pixels(new)
    assert len(before) == len(after)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    kind = kind_of(new)
    assert kind is not None
    tags = second_reading(new, kind)
    assert TEXT[:-1].decode() in {tags.get((0, 36867)), tags.get((34665, 36867))}
    # piexif does not know fill bytes
    if kind in {PhotoKind.JPEG, PhotoKind.TIFF} and sample.act is Act.PATCH and name != "fill bytes":
        assert _other_tags(new) == _other_tags(sample.data)


def _other_tags(data: bytes) -> dict[str, object]:
    found = piexif.load(data)
    dates = {306, 36867, 36868}
    return {
        directory: {tag: value for tag, value in tags.items() if tag not in dates} if isinstance(tags, dict) else tags
        for directory, tags in found.items()
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_undo_leads_back(name: str) -> None:
    """To the byte."""
    new, edits = changed(CORPUS[name])
    assert applied(new, reversed_edits(edits)) == CORPUS[name].data


@pytest.mark.parametrize("name", WRITTEN)
def test_a_second_time_there_is_nothing_to_do(name: str) -> None:
    """The date is right now."""
    new, _ = changed(CORPUS[name])
    assert planned(Sample(new, CORPUS[name].ending, Act.NOTHING)).act is Act.NOTHING


@pytest.mark.parametrize("name", [name for name in WRITTEN if name.startswith("MPF")])
def test_the_second_picture_is_where_it_was(name: str) -> None:
    """Found by the offset in the first one's segment."""
    new, _ = changed(CORPUS[name])
    second = second_of_mpf(new)
    assert second == second_of_mpf(CORPUS[name].data)
    assert pixels(second)


def test_jfif_stays_first() -> None:
    """The new segment comes behind JFIF's, as JFIF demands (piexif #148)."""
    new, (edit,) = changed(CORPUS["JFIF, JFXX"])
    assert new[2:4] == b"\xff\xe0"
    assert edit.at == new.index(b"\xff\xe1")
    assert b"JFXX" in new[: edit.at]


def test_a_known_zone_is_written_into_a_new_block() -> None:
    """And none where it is unknown (R22)."""
    data = CORPUS["JFIF only"].data
    found = planned(CORPUS["JFIF only"])
    for zone in ("+02:00", ""):
        edits = edits_for(data, found, zone)
        new = applied(data, edits)
        assert read_tags(new).original_offset == zone
        assert flaw(data, new, edits, VALUE, CHECKER) == ""


def test_right_and_suspect_dates_are_left_alone() -> None:
    """Whatever the name says (R18, R19)."""
    for text, act in ((b"2012:02:02 02:02:02\0", Act.NOTHING), (b"2000:01:01 00:00:00\0", Act.REPORT)):
        made = block(exif=((36867, 2, text),))
        assert planned(Sample(jpeg(app1(made)), ".jpg", act)).act is act


# --- broken writers

Breaker = Callable[[bytes, bytes], bytes]


def _flip(at: int) -> Breaker:
    def broken(_old: bytes, new: bytes) -> bytes:
        raw = bytearray(new)
        raw[at] ^= 1
        return bytes(raw)

    return broken


BROKEN: dict[str, Breaker] = {
    "changes the scan": _flip(-200),
    "changes the end": _flip(-1),
    "changes another tag": lambda _, new: new.replace(b"Seagull", b"Seagulp", 1),
    "writes another date": lambda _, new: new.replace(b"12:34:56", b"12:34:57"),
    "writes no NUL": lambda _, new: new.replace(TEXT, TEXT[:-1] + b"x"),
    "loses the end": lambda _, new: new[:-10],
    "adds to the end": lambda _, new: new + b"x",
    "does nothing": lambda old, _: old,
    "writes nothing": lambda _, _new: b"",
    "writes a text": lambda _, _new: b"a text",
    "drops a segment": lambda _, new: new.replace(b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", b""),
    "shifts by one": lambda _, new: new[:2] + b"\xff" + new[2:],
}


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_writer_is_caught(break_it: Breaker) -> None:
    """Whatever it spoils (R14)."""
    sample = CORPUS["everything"]
    new, edits = changed(sample)
    assert flaw(sample.data, break_it(sample.data, new), edits, VALUE, CHECKER)


def test_edits_that_go_beyond_dates_are_caught() -> None:
    """Even where the bytes are those that were announced."""
    data = CORPUS["TIFF, little-endian"].data
    _, edits = changed(CORPUS["TIFF, little-endian"])
    bad = {
        "a pixel": Edit(len(data) - 5, data[-5:-4], b"\1"),
        "the model": Edit(data.index(b"DF-300"), b"DF-300", b"DF-301"),
    }
    for edit in bad.values():
        both = tuple(sorted((*edits, edit), key=lambda one: one.at))
        assert flaw(data, applied(data, both), both, VALUE, CHECKER)


@pytest.mark.parametrize(
    "name", ["everything", "Canon's MakerNote, little-endian", "TIFF, three pages", "HEIC", "WebP"]
)
def test_damaged_files_are_reported_or_patched_well(name: str) -> None:
    """Of 150 mutations none makes the layout raise, and what passes the check has only its date changed."""
    sample, rng = CORPUS[name], random.Random(name)
    for _ in range(150):
        raw = bytearray(sample.data)
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(min(len(raw), 1200))] = rng.randrange(256)
        mutant = Sample(bytes(raw), sample.ending, Act.NOTHING)
        found = planned(mutant)
        if found.act is not Act.PATCH:
            continue
        edits = edits_for(mutant.data, found)
        new = applied(mutant.data, edits)
        if flaw(mutant.data, new, edits, VALUE, CHECKER) == "":
            assert len(new) == len(mutant.data)
            assert all(edit.new == TEXT for edit in edits)


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tags]:
    """What exiftool reads in every layout, by `old/NUMBER.ENDING` and `new/...`."""
    if MISSING:
        pytest.skip(f"{MISSING}; Pillow and piexif have read the same")
    folder = tmp_path_factory.mktemp("exiftool")
    for name in WRITTEN:
        for state, data in (("old", CORPUS[name].data), ("new", changed(CORPUS[name])[0])):
            path = folder / _exiftool_name(state, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return read_folder(folder)


def _exiftool_name(state: str, name: str) -> str:
    return f"{state}/{WRITTEN.index(name):03d}{CORPUS[name].ending}"


@pytest.mark.parametrize("name", WRITTEN)
def test_exiftool_reads_the_new_date_and_all_else_as_before(name: str, readings: Mapping[str, Tags]) -> None:
    """Makers' tags, thumbnails, second pictures, colour profiles and what it warns of, value by value."""
    before, after = readings[_exiftool_name("old", name)], readings[_exiftool_name("new", name)]
    assert len(before) >= 5
    assert flaws(before, after, CORPUS[name].act, TEXT[:-1].decode()) == []


def test_exiftool_knows_the_makers_tags(readings: Mapping[str, Tags]) -> None:
    """The comparison reaches into Canon's MakerNote, and into the second picture of a file."""
    for order in ("big", "little"):
        tags = readings[_exiftool_name("new", f"Canon's MakerNote, {order}-endian")]
        assert tags["MakerNotes:Canon:OwnerName"] == "Grandma"
    assert any(key.startswith("MPF:MPImage2") for key in readings[_exiftool_name("new", "MPF")])


def test_exiftool_would_tell(readings: Mapping[str, Tags]) -> None:
    """Of a lost tag, another date, and a tag too many."""
    name = "everything"
    before, after = readings[_exiftool_name("old", name)], dict(readings[_exiftool_name("new", name)])
    for wrong in (
        {"EXIF:IFD0:Make": "Seagul"},
        {"EXIF:ExifIFD:DateTimeOriginal": "2019:08:17 12:34:57"},
        {"XMP:a:b": 1},
    ):
        assert len(flaws(before, after | wrong, Act.PATCH, TEXT[:-1].decode())) == 1
    del after["EXIF:IFD0:Make"]
    assert len(flaws(before, after, Act.PATCH, TEXT[:-1].decode())) == 1
