"""`facewatchd.config`: the defaults, the example file, what is refused and in which words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from facewatchd.config import Config, find_config, load_config
from facewatchd.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that is not the tester's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return folder


def keys_of(values: Mapping[str, Any], above: str = "") -> set[str]:
    """The dotted names of all keys that hold a value."""
    found: set[str] = set()
    for key, value in values.items():
        found |= keys_of(value, f"{above}{key}.") if isinstance(value, dict) else {above + key}
    return found


def refusal(path: Path | None, text: str | bytes | None, overrides: Mapping[str, Any] | None = None) -> str:
    """What the user reads when this is the configuration file."""
    if path is not None and text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestExample:
    def test_names_every_key_and_no_other(self) -> None:
        """The example file and the schema have the same keys."""
        assert keys_of(yaml.safe_load(EXAMPLE.read_text("utf-8"))) == keys_of(Config().model_dump())

    def test_holds_the_defaults(self, home: Path) -> None:
        """Using the example file as it is changes nothing."""
        assert load_config(EXAMPLE) == load_config(None)

    def test_comments_every_key(self) -> None:
        """Above every key or its section stands what it means."""
        before = ""
        for line in EXAMPLE.read_text("utf-8").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                assert before.lstrip().startswith("#"), f"{line!r} has no comment"
                before = "#" if line.endswith(":") else ""
            else:
                before = line

    def test_says_what_is_written_into_photos(self) -> None:
        """Nobody is to be surprised by a photo that changed, or to look for the way back."""
        text = " ".join(line.strip(" #") for line in EXAMPLE.read_text("utf-8").splitlines())
        assert "overwrite the date fields that are there, byte for byte" in text
        assert "`facewatchd dates undo`" in text


class TestDefaults:
    def test_no_file_is_needed(self, home: Path) -> None:
        """Without a file all folders are in the home folder."""
        config = load_config(None)
        assert config.photos == ()
        assert config.people.dir == home / "People"
        assert config.state.dir == home / ".local/state/facewatchd"
        assert config.models.root == home / ".insightface"

    def test_state_follows_xdg(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """$XDG_STATE_HOME moves the state."""
        monkeypatch.setenv("XDG_STATE_HOME", str(home / "elsewhere"))
        assert load_config(None).state.dir == home / "elsewhere/facewatchd"

    @pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "people:\nwatch:\n"])
    def test_empty_file_and_empty_sections(self, home: Path, text: str) -> None:
        """A section whose keys are all commented out is as good as none."""
        path = home / "c.yaml"
        path.write_text(text, "utf-8")
        assert load_config(path) == load_config(None)

    def test_unknown_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A user without a home folder is told which keys to set, and needs no home once they are."""

        def no_home() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", no_home)
        assert "set people.dir, state.dir and models.root" in refusal(None, None)
        folders = {"people": {"dir": tmp_path / "p"}, "state": {"dir": tmp_path / "s"}, "models": {"root": tmp_path}}
        assert load_config(None, folders).people.dir == tmp_path / "p"


class TestPrecedence:
    def test_overrides_win_key_by_key(self, home: Path) -> None:
        """The command line beats the file, and leaves its other keys alone."""
        path = home / "c.yaml"
        path.write_text("photos: [/a]\npeople: {dir: /b, min_faces: 7}\nlog: {level: debug}\n", "utf-8")
        config = load_config(
            path, {"photos": [Path("/c")], "people": {"dir": Path("/d")}, "models": {"pack": "builtin"}}
        )
        assert config.photos == (Path("/c"),)
        assert (config.people.dir, config.people.min_faces) == (Path("/d"), 7)
        assert (config.log.level, config.models.pack) == ("debug", "builtin")

    def test_override_of_an_empty_section(self, home: Path) -> None:
        """`people:` with nothing below it does not swallow --people."""
        path = home / "c.yaml"
        path.write_text("people:\n", "utf-8")
        assert load_config(path, {"people": {"dir": Path("/d")}}).people.dir == Path("/d")

    def test_folders_are_made_absolute(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`~` is the home folder, and a relative folder is one below the working directory."""
        monkeypatch.chdir(home)
        assert load_config(None, {"photos": ["~/a b", "c/../d"]}).photos == (home / "a b", home / "d")


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            # not YAML: the line is named
            (
                "photos: [/a]\nwatch: {settle_s: 1}\nphotos: [/b]\n",
                ("not valid YAML", "Line 3: photos stands there twice"),
            ),
            ("photos: [/a]\npeople:\n  dir: /b\n  dir: /c\n", ("not valid YAML", "Line 4: dir stands there twice")),
            ("photos: [/a]\npeople: dir: /b\n", ("not valid YAML", "Line 2:")),
            ("photos: [/a\n", ("not valid YAML", "Line 2:")),
            ("photos:\n\t- /a\n", ("not valid YAML", "Line 2:")),
            ("log: {level: in\x00fo}\n", ("not valid YAML", "special characters are not allowed")),
            ("photos: !!python/object/apply:os.getcwd []\n", ("not valid YAML", "Line 1:")),
            # not a mapping
            ("- /a\n- /b\n", ("must have keys such as 'photos:'",)),
            ("just words\n", ("must have keys such as 'photos:'",)),
            ("a: @home\n", ("Line 1: no value can begin with @; put it in quotes",)),
            ("people:\n  dir: /b\n years: true\n", ("Line 3:", "check how far each line is indented")),
            ("photos: [/a, /b\npeople:\n  dir: /c\n", ("Line 2:", "a ] is missing, or a comma")),
            ("people: {link_name: 'x}\n", ("a quotation mark is missing",)),
            ("photos: [*a]\n", ("Line 1: *a refers to &a",)),
            ("a: 1\n---\nb: 2\n", ("Line 2:", "only one is allowed")),
            ("dates: {rules: [{path: a, date: 2020-13-45}]}\n", ("Line 1: 2020-13-45 is not a valid date or number",)),
            ("photos: " + "[" * 2000, ("not valid YAML", "brackets go too deep")),
            ("photos:/a\n", ("must have keys such as 'photos:', each with a space after its colon",)),
            # unknown keys: the path is named, and what was meant, wherever it belongs
            ("colour: red\n", ("Line 1: colour: there is no such key; config.example.yaml names them all.",)),
            ("people: {min_face: 3}\n", ("people.min_face: there is no such key; did you mean people.min_faces?",)),
            ("people: {a: 1, b: 2}\n", ("people.a: there is no such key", "(1 more)")),
            ("phtos: [/x]\n", ("phtos: there is no such key; did you mean photos?",)),
            ("# mine\n\npeople:\n  dri: /x\n", ("Line 4: people.dri: there is no such key; did you mean people.dir?",)),
            ("min_faces: 3\n", ("min_faces: there is no such key; did you mean people.min_faces?",)),
            ("watch: {every_days: 3}\n", ("watch.every_days: there is no such key; did you mean recluster.every_days?",)),
            ("dates: {rules: [{path: A, date: 1987, precison: day}]}\n", ("did you mean dates.rules.0.precision?",)),
            ("dates: {shift: [{model: A, by: +1d, form: 1987}]}\n", ("did you mean dates.shift.0.from?",)),
            ("1: x\n", ("1: there is no such key",)),
            # wrong types and values: what is allowed, and what it is
            ("photos: ~/Pictures\n", ("photos must be a list of folders, such as [~/Pictures]; it is '~/Pictures'",)),
            ("people: /srv/people\n", ("people must be a heading with keys below it, such as dir; it is '/srv/people'",)),
            ("people: {min_faces: many}\n", ("people.min_faces must be a whole number, 2 or more; it is 'many'.",)),
            ("people:\n  min_faces: 1\n", ("Line 2: people.min_faces must be a whole number, 2 or more; it is 1.",)),
            ("people: {min_faces: 2.5}\n", ("people.min_faces must be a whole number, 2 or more; it is 2.5.",)),
            ("people: {min_faces: yes}\n", ("people.min_faces must be a whole number, 2 or more; it is true.",)),
            ("people: {min_faces: }\n", ("people.min_faces must be a whole number, 2 or more; it is empty.",)),
            ("people: {min_faces: 99999999999}\n", ("it is 99999999999: nothing here can be more than 1,000,000,000.",)),
            ("people: {together: true}\n", ("people.together must be false, or a whole number, 1 or more; it is true.",)),
            ("people: {together: 0}\n", ("people.together must be false, or a whole number, 1 or more; it is 0.",)),
            ("people: {links: hard}\n", ("people.links must be relative, absolute, hardlink or copy; it is 'hard'.",)),
            ("people: {dir: ''}\n", ("people.dir must be the path of a folder; it is empty.",)),
            ("people: {link_name: x}\n", ("people.link_name must be text with {name} in it", "has to be there once.")),
            ("watch: {settle_s: -1}\n", ("watch.settle_s must be a number, 0 or more; it is -1.",)),
            ("watch: {rescan_s: .inf}\n", ("watch.rescan_s must be a number above 0; it is inf.",)),
            ("assign: {threshold: 1.5}\n", ("assign.threshold must be a number from -1 to 1, or empty; it is 1.5.",)),
            ("models: {pack: ''}\n", ("models.pack must be auto, builtin, the name of a pack, or its folder; it is empty.",)),
            ("dates: {mode: guess}\n", ("dates.mode must be inplace, sidecar, report or off; it is 'guess'.",)),
            ("dates: {timezone: Mars/Base}\n", ("such as Europe/Berlin, or empty quotes; it is 'Mars/Base': no time zone",)),
            (
                "dates: {rules: [{path: Scans, date: soon}]}\n",
                ("dates.rules.0.date must be a date, such as 1987, 1987-07 or 1987-07-01; it is 'soon'.",),
            ),
            (
                "dates:\n  rules:\n    - {path: a, date: 1987}\n    - {path: /srv/Scans, date: 1987}\n",
                ("Line 4: dates.rules.1.path must be a path below the photo folder", "it is '/srv/Scans'."),
            ),
            ("dates: {rules: [{path: a, date: 1987, precision: day}]}\n", ("'1987' is not known to the day",)),
            ("dates: {rules: [{date: 1987}]}\n", ("dates.rules.0.path is missing; it must be a path below the photo",)),
            ("dates: {sources: [exif, names]}\n", ("dates.sources.1 must be xmp, exif, takeout, name-time,", "it is 'names'.")),
            ("dates: {sources: exif}\n", ("dates.sources must be a list of sources", "such as [exif, xmp]; it is 'exif'.")),
            ("dates: {sources: [exif, xmp, exif]}\n", ("it is ['exif', 'xmp', 'exif']: exif is named twice.",)),
            ("dates: {sources: [mtime, exif]}\n", ("it is ['mtime', 'exif']: mtime must come last",)),
            ("dates: {sources: []}\n", ("it is []: name at least one source",)),
            ("dates: {shift: [{model: A, by: later}]}\n", ("dates.shift.0.by must be a difference of time", "it is 'later'.")),
            ("dates: {shift: [{model: A, by: +1d, from: x}]}\n", ("dates.shift.0.from must be a date", "it is 'x'.")),
            ("photos: [~nobody-of-this-name/a]\n", ("photos.0 must be the path of a folder", "no user is called", "write the")),
            ('photos: ["/a\\0b"]\n', ("photos.0 must be the path of a folder", "no folder's name holds a NUL character")),
            # of several the first in the file
            ("watch: {mode: x}\npeople: {years: x}\n", ("Line 1: watch.mode must be", "(1 more)")),
            ("people: {years: x}\nwatch: {mode: x}\n", ("Line 1: people.years must be true or false; it is 'x'", "(1 more)")),
        ],
    )  # fmt: skip
    def test_one_line_with_file_key_and_remedy(self, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
        """Every mistake is one line that names the file, the key or line, and what would be right."""
        path = tmp_path / "mine.yaml"
        message = refusal(path, text)
        for word in (str(path), *words):
            assert word in message

    def test_missing_file(self, tmp_path: Path) -> None:
        """A file that is not there is named."""
        message = refusal(tmp_path / "none.yaml", None)
        assert f"{tmp_path}/none.yaml" in message
        assert "No such file" in message
        assert "check its path" in message

    def test_folder_instead_of_a_file(self, tmp_path: Path) -> None:
        """A folder in the place of the file is named as one, also where it was named by an option."""
        assert "It is a folder; name the file in it" in refusal(tmp_path, None)
        assert find_config(tmp_path, {}) == tmp_path

    @pytest.mark.parametrize("key", sorted(keys_of(Config().model_dump())))
    def test_every_key_says_what_it_may_be(self, tmp_path: Path, key: str) -> None:
        """A value of a wrong kind, or out of range: the key, what is allowed, what it is, and no library's words."""
        section, _, name = key.rpartition(".")
        said = {}
        for value in ({"a": 1}, -7, "@wrong"):
            document = {section: {name: value}} if section else {name: value}
            try:
                load_config(None, document)
            except ConfigError:
                path = tmp_path / "c.yaml"
                said[str(value)] = refusal(path, "# a comment\n" + yaml.safe_dump(document))
        assert len(said) >= 1
        for message in said.values():
            assert re.search(rf": Line [23]: {re.escape(key)} must be [^;]+; it is [^;]+\.$", message), message
            for word in ("Input", "should", "valid", "pydantic", "string", "tuple", "boolean", "integer", "<class"):
                assert word not in message.partition(")")[2]

    def test_options_are_named_as_such(self, tmp_path: Path) -> None:
        """What comes from the command line is not looked for in the file."""
        path = tmp_path / "c.yaml"
        message = refusal(path, "people: {dir: /b}\n", {"people": {"dir": 5}})
        assert str(path) not in message
        assert "Line" not in message
        assert "people.dir must be the path of a folder; it is 5." in message

    def test_not_utf8(self, tmp_path: Path) -> None:
        """A file in another encoding is refused with the remedy."""
        latin = "# mine\nphotos: [/Übung]\n".encode("latin-1")
        assert "Line 2 is not UTF-8 text; save the file as UTF-8" in refusal(tmp_path / "c.yaml", latin)
        assert "It is UTF-16 text; save it as UTF-8" in refusal(tmp_path / "c.yaml", "photos: []\n".encode("utf-16"))

    def test_yaml_off_is_a_word(self, tmp_path: Path) -> None:
        """YAML reads a bare `off` as false; the mode is meant."""
        path = tmp_path / "c.yaml"
        path.write_text("dates: {mode: off}\n", "utf-8")
        assert load_config(path).dates.mode == "off"

    def test_rules_about_dates(self, tmp_path: Path) -> None:
        """YAML reads bare dates as dates, years as numbers and clock times as seconds; all are meant as they stand."""
        path = tmp_path / "c.yaml"
        path.write_text(
            "dates:\n  rules: [{path: A, date: 1987-07-01, precision: year}, {path: B, date: 1987}]\n"
            "  shift: [{model: X, by: +12:00:00, from: 2004-01-01, to: 2005}, {model: Y, by: -1d 00:30}]\n",
            "utf-8",
        )
        dates = load_config(path).dates
        assert [(rule.date, rule.precision) for rule in dates.rules] == [("1987-07-01", "year"), ("1987", "")]
        assert [(shift.by, shift.start, shift.end) for shift in dates.shift] == [
            ("+0d 12:00:00", "2004-01-01", "2005"),
            ("-1d 00:30", "", ""),
        ]

    def test_frozen(self) -> None:
        """Nobody changes the configuration while the program runs."""
        with pytest.raises(ValueError, match="frozen"):
            Config().people.min_faces = 5


class TestOverlaps:
    @pytest.mark.parametrize("roots", [("a", "a/b"), ("a/b", "a"), ("a", "a"), ("a", "link"), ("a/b", "link")])
    def test_roots_must_not_overlap(self, tmp_path: Path, roots: tuple[str, str]) -> None:
        """Of two roots one in the other, also by way of a link, the message names both and says to keep the outer."""
        (tmp_path / "a/b").mkdir(parents=True)
        (tmp_path / "link").symlink_to("a")
        message = refusal(None, None, {"photos": [tmp_path / root for root in roots]})
        assert "Two photo folders overlap" in message
        assert str(tmp_path / roots[1]) in message
        assert f"Keep the outer one only: {tmp_path}/a" in message

    def test_siblings_with_a_common_beginning(self, tmp_path: Path) -> None:
        """/a and /ab do not overlap."""
        assert len(load_config(None, {"photos": [tmp_path / "a", tmp_path / "ab"]}).photos) == 2

    @pytest.mark.parametrize("root", ["people", "people/photos"])
    def test_root_in_the_people_tree(self, tmp_path: Path, root: str) -> None:
        """Watching the links that the program makes itself is refused."""
        message = refusal(None, None, {"photos": [tmp_path / root], "people": {"dir": tmp_path / "people"}})
        assert "A photo folder lies in the people tree" in message
        assert f"{tmp_path}/{root}" in message
        assert f"Move one of them: people.dir is {tmp_path}/people" in message

    def test_people_tree_in_a_root(self, tmp_path: Path) -> None:
        """The people tree may lie among the photos: it is left out of the watching (R35)."""
        config = load_config(None, {"photos": [tmp_path], "people": {"dir": tmp_path / "people"}})
        assert config.people.dir == tmp_path / "people"

    def test_links_in_a_circle(self, tmp_path: Path) -> None:
        """A folder that is a link to itself is no reason to fall over here; the scan reports it."""
        (tmp_path / "loop").symlink_to("loop")
        assert load_config(None, {"photos": [tmp_path / "loop"]}).photos == (tmp_path / "loop",)


class TestFind:
    def test_order(self, tmp_path: Path) -> None:
        """--config, then $FACEWATCHD_CONFIG, then $XDG_CONFIG_HOME."""
        given, named, usual = tmp_path / "given.yaml", tmp_path / "named.yaml", tmp_path / "xdg/facewatchd/config.yaml"
        usual.parent.mkdir(parents=True)
        for path in (given, named, usual):
            path.touch()
        environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "FACEWATCHD_CONFIG": str(named)}
        assert find_config(given, environ) == given
        assert find_config(None, environ) == named
        del environ["FACEWATCHD_CONFIG"]
        assert find_config(None, environ) == usual

    def test_home_stands_in_for_xdg(self, home: Path) -> None:
        """Without $XDG_CONFIG_HOME it is ~/.config."""
        path = home / ".config/facewatchd/config.yaml"
        path.parent.mkdir(parents=True)
        path.touch()
        assert find_config(None, {}) == path

    @pytest.mark.parametrize("by", ["option", "environment"])
    def test_named_file_must_exist(self, tmp_path: Path, by: str) -> None:
        """A file that was named and is not there is an error, not a reason to use another."""
        path = tmp_path / "none.yaml"
        with pytest.raises(ConfigError, match=r"none\.yaml.*Check --config and \$FACEWATCHD_CONFIG"):
            find_config(path if by == "option" else None, {} if by == "option" else {"FACEWATCHD_CONFIG": str(path)})
