"""Names of folders and links: legal on every file system, whatever users and cameras call things (R34)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facewatchd.core.tree.folder_names import (
    MAX_NAME_BYTES,
    are_told_apart,
    fold,
    folder_name,
    is_same_name,
    is_variant,
    link_name,
    name_in,
    unique,
)

# letters that names are made of, among all that has ever broken one
_NASTY = "ab .-_/()\x00\n\x7f\x85\u00a0\u00e9e\u0301\u0308\u00df\u0130\u0345\u200b\u200d\u200e\u202e\u2028\ufeff\U0001f468\u4e2d2"
titles = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=_NASTY, max_size=40),
    st.text(st.sampled_from("a .\u00e9\U0001f468"), min_size=200),
)
file_names = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.lists(st.sampled_from([b"a", b" ", b".", b"\x80", b"\xc3", b"\xa9", b".jpg", b"\xff", b"(2)"]), min_size=1).map(
        b"".join
    ),
    st.integers(0, 300).map(lambda n: b"\x80" * n + b".jpg"),
    titles.map(lambda text: text.encode("utf-8", "surrogatepass")),
).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")[:300])
prefixes = st.sampled_from(["", "2019", "2019-08", "2019-08-17"])


def assert_legal(name: bytes) -> None:
    """R34, but for what is unique."""
    assert 0 < len(name) <= MAX_NAME_BYTES
    assert name not in {b".", b".."}
    assert b"/" not in name
    assert not name.endswith((b".", b" "))
    text = name.decode("utf-8", "surrogateescape")
    assert unicodedata.is_normalized("NFC", text)
    assert not [c for c in text if unicodedata.category(c) in {"Cc", "Zl", "Zp"}]
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [c for c in text if unicodedata.bidirectional(c) in bidi]


# --- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param("Grandma", "Grandma", id="a plain name stays"),
        pytest.param("  Grandma  ", "Grandma", id="no space around"),
        pytest.param("J. Smith Jr.", "J. Smith Jr", id="no dot at the end, for Windows"),
        pytest.param("a\u3000. ", "a", id="no dot or space at the end, however mixed"),
        pytest.param("a.\u3000.", "a", id="a dot before an ideographic space at the end"),
        pytest.param(".hidden", "hidden", id="not hidden"),
        pytest.param(". .hidden", "hidden", id="not hidden behind a space either"),
        pytest.param("..", "_", id="not the folder above"),
        pytest.param("../../etc/passwd", "_.._etc_passwd", id="no way out"),
        pytest.param("", "_", id="nothing"),
        pytest.param(" . ", "_", id="nothing but edges"),
        pytest.param("a\x00b\nc\x85d", "a_b_c_d", id="control characters, those of ISO 8859 too"),
        pytest.param("Ann\u202eamdnarG", "Ann_amdnarG", id="no text that runs backwards"),
        pytest.param(
            "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
            "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
            id="a Persian name keeps its joiner",
        ),
        pytest.param("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469", id="a family of emoji stays together"),
        pytest.param("\u200d", "_", id="not invisible"),
        pytest.param("Zoe\u0308", "Zo\u00eb", id="composed as keyboards do"),
        pytest.param("a\ud800b", "a?b", id="half a character"),
        pytest.param("\u00e9" * 200, "\u00e9" * 119, id="cut between characters, with room for a number"),
        pytest.param("a" * 238 + " . b", "a" * 238, id="cut before a space: no space at the end"),
    ],
)
def test_folder_names(title: str, expected: str) -> None:
    """A person's name becomes the nearest legal name of a folder."""
    assert folder_name(title) == expected.encode()


@settings(max_examples=300)
@given(title=titles)
@example(". .a")
@example("a.\u3000")
@example("\u200d.a\u200d.")
def test_any_title_makes_a_legal_visible_folder(title: str) -> None:
    """Whatever is typed, the folder is legal and not hidden, leaves room for a number, and naming it again changes nothing."""
    name = folder_name(title)
    assert_legal(name)
    assert not name.startswith((b".", b" "))
    assert_legal(unique(name, {fold(name)}))
    assert folder_name(name.decode()) == name


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "photo", "expected"),
    [
        pytest.param("2019-08-17", b"IMG_1234.jpg", b"2019-08-17 IMG_1234.jpg", id="the date comes first"),
        pytest.param("", b"IMG_1234.jpg", b"IMG_1234.jpg", id="no date"),
        pytest.param("2019-08-17", b"2019-08-17 12.00.jpg", b"2019-08-17 12.00.jpg", id="the date is there already"),
        pytest.param("2019-08", b"2019-08-17.jpg", b"2019-08-17.jpg", id="a finer date is there already"),
        pytest.param("2019-08-17", b"2018-01-01.jpg", b"2019-08-17 2018-01-01.jpg", id="another date is there"),
        pytest.param("", b"caf\xe9.jpg", b"caf\xe9.jpg", id="bytes of another encoding stay"),
        pytest.param("", b"cafe\xcc\x81.jpg", b"caf\xc3\xa9.jpg", id="composed"),
        pytest.param("", b"a\nb\x7f\xc2\x85.jpg", b"a_b__.jpg", id="control characters"),
        pytest.param("", "gpj.\u202ephoto.jpg".encode(), b"gpj._photo.jpg", id="no text that runs backwards"),
        pytest.param("", b"scan. ", b"scan", id="no dot or space at the end"),
        pytest.param("", b"..", b"_", id="only dots"),
        pytest.param("2019", b"x" * 251 + b".jpg", b"2019 " + b"x" * 230 + b".jpg", id="cut before the extension"),
        pytest.param("", b"x." + b"y" * 253, b"x." + b"y" * 237, id="a sentence's end is no extension"),
        pytest.param("", b"\x80" * 251 + b".jpg", b"\x80" * 235 + b".jpg", id="cut where no byte begins a character"),
    ],
)
def test_link_names(prefix: str, photo: bytes, expected: bytes) -> None:
    """A link is called like its photo, with the date in front, so that a folder sorts by date."""
    assert link_name(prefix, photo) == expected


@settings(max_examples=500)
@given(prefix=prefixes, photo=file_names)
@example("", b"\x80" * 300)
@example("", b"a" * 238 + b" . b")
def test_any_photo_makes_a_legal_link(prefix: str, photo: bytes) -> None:
    """Whatever a photo is called, its link is legal, starts with the date once, and making it again changes nothing."""
    name = link_name(prefix, photo)
    assert_legal(name)
    assert name.startswith(prefix.encode())
    assert link_name(prefix, name) == name


@settings(max_examples=200)
@given(photo=file_names, extension=st.sampled_from([b".jpg", b".JPEG", b".heic"]))
def test_a_link_keeps_its_extension(photo: bytes, extension: bytes) -> None:
    """However long the name, programs still see what kind of picture it is."""
    assert link_name("2019-08-17", photo[:200] + extension).endswith(extension)


# --- unique ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        pytest.param(b"a.jpg", [], b"a.jpg", id="free"),
        pytest.param(b"a.jpg", [b"a.jpg"], b"a (2).jpg", id="the number goes before the extension"),
        pytest.param(b"a.jpg", [b"A.JPG", b"a (2).jpg"], b"a (3).jpg", id="case does not tell apart"),
        pytest.param(b"Anna", [b"ANNA"], b"Anna (2)", id="a folder"),
        pytest.param(
            "Zo\u00eb".encode(), ["Zoe\u0308".encode()], "Zo\u00eb (2)".encode(), id="form does not tell apart"
        ),
        pytest.param("Stra\u00dfe".encode(), [b"STRASSE"], "Stra\u00dfe (2)".encode(), id="full case folding"),
        pytest.param(b"J. Smith", [b"j. smith"], b"J. Smith (2)", id="a person has no extension"),
        pytest.param(b"a (2).jpg", [b"a (2).jpg"], b"a (2) (2).jpg", id="a number of the user's own"),
        pytest.param(b"\xff.jpg", [b"\xff.jpg"], b"\xff (2).jpg", id="bytes that are no text"),
    ],
)
def test_unique_names(name: bytes, taken: list[bytes], expected: bytes) -> None:
    """A name that is taken gets the first number that is not."""
    assert unique(name, {fold(other) for other in taken}) == expected


@settings(max_examples=200)
@given(prefix=prefixes, photo=file_names, copies=st.integers(1, 12))
def test_unique_makes_variants_that_differ_under_folding(prefix: str, photo: bytes, copies: int) -> None:
    """Names made unique are legal, all different even without case, and known as variants of their base."""
    base = link_name(prefix, photo)
    made: list[bytes] = []
    for _ in range(copies):
        made.append(unique(base, {fold(name) for name in made}))
    assert len({fold(name) for name in made}) == copies
    for name in made:
        assert_legal(name)
        assert is_variant(name, base)


class _AllBut:
    """Everything is taken but what ends in this."""

    def __init__(self, free: str) -> None:
        self._free = free

    def __contains__(self, name: object) -> bool:
        return self._free not in str(name)


@settings(max_examples=50)
@given(title=titles, photo=file_names)
def test_there_is_room_for_the_thousandth_of_a_name(title: str, photo: bytes) -> None:
    """The longest name still fits with three digits."""
    for base in (folder_name(title), link_name("2019-08-17", photo)):
        name = unique(base, _AllBut(" (999)"))
        assert_legal(name)
        assert is_variant(name, base)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        pytest.param(b"b.jpg", b"a.jpg", id="another"),
        pytest.param(b"a (2).png", b"a.jpg", id="another extension"),
        pytest.param(b"a2.jpg", b"a.jpg", id="a number without brackets"),
        pytest.param(b"a(2).jpg", b"a.jpg", id="a number without a space"),
        pytest.param(b"A (2).jpg", b"a.jpg", id="another case"),
        pytest.param(b"a.jpg", b"a (2).jpg", id="the other way round"),
        pytest.param("a (\u0662).jpg".encode(), b"a.jpg", id="a number that we do not write"),
    ],
)
def test_what_is_no_variant(name: bytes, base: bytes) -> None:
    """Only what `unique` writes counts as the same name."""
    assert not is_variant(name, base)


@settings(max_examples=200)
@given(text=titles)
def test_folding_ignores_case_and_form(text: str) -> None:
    """Two spellings that a file system may take for one fold to one."""
    clean = text.encode("utf-8", "replace").decode()
    folded = fold(clean.encode())
    assert fold(unicodedata.normalize("NFD", clean).encode()) == folded
    assert fold(unicodedata.normalize("NFC", clean).casefold().encode()) == folded


@given(
    st.lists(
        st.sampled_from(
            [b"a", b"A", b"\xc3", b"\xa9", b"\xc3\xa9", b"e\xcc\x81", b"\xcc\x81", b"ss", b"\xc3\x9f", b"\xff"]
        )
    )
)
@example([])
@example([b"e", b"\xcc\x81", b"\xc3\xa9"])
@example([b"\xc3", b"\xa9", b"\xc3\xa9"])
def test_names_are_told_apart_as_one_by_one(names: list[bytes]) -> None:
    """Nothing of a name runs over into the next: no half character, no accent."""
    assert are_told_apart(names) == (len({fold(name) for name in names}) == len(names))


@pytest.mark.parametrize("folder", ["Zo\u00eb", "Zoe\u0308", " Zo\u00eb  "])
def test_a_name_however_it_was_typed(folder: str) -> None:
    """A Mac writes a letter and its dots apart."""
    assert name_in(folder.encode()) == "Zo\u00eb"
    assert is_same_name("ZOE\u0308", "zo\u00eb")
    assert not is_same_name("Zoe", "Zo\u00eb")
    assert name_in(b"  ") == "  "
