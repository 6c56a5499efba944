"""The shape of the package, read from its source: imports go one way, and some things have one place only."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import facewatchd

PACKAGE = Path(facewatchd.__file__).parent
STAGES = {"watch", "photos", "faces", "neighbours", "people", "store"}
MAX_LINES = 450

# what a decision may need of the standard library: none of it sees a file, the clock, a process or the network
PURE = {
    "__future__", "array", "bisect", "calendar", "collections", "dataclasses", "datetime", "enum", "fnmatch", "fractions", "functools",
    "difflib", "heapq", "itertools", "math", "operator", "posixpath", "re", "statistics", "string", "types", "typing",
    "unicodedata", "warnings",
}  # fmt: skip
ARRAYS = {"numpy", "cv2", "scipy"}
# what loads one module of a package, and not the whole; one place only
LOADS = {"core/grouping/density": {"importlib", "sys"}}


class Import(NamedTuple):
    """An absolute module name, and whether it is imported when the importing module is."""

    module: str
    at_once: bool


def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its path below it without the ending: "core/tree/entries"."""
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_bytes())
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def imports(name: str) -> list[Import]:
    """Everything that a module imports, wherever in it."""
    tree = MODULES[name]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node in tree.body) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports here are absolute"
            assert node.module is not None
            # `from facewatchd import core` imports a module, `from facewatchd.core import tree` may
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            own = [part for part in parts if part.removeprefix("facewatchd.").replace(".", "/") in PLACES]
            found += [Import(module, node in tree.body) for module in (own or [node.module])]
    return found


PLACES = {*MODULES, *(name.removesuffix("/__init__") for name in MODULES)}


def place(name: str) -> str:
    """The top-level module or folder that a module is in: "core", "cli"."""
    return name.split("/", maxsplit=1)[0]


def ours(name: str) -> set[str]:
    """Which of our places a module imports from; "" for the package's own `__init__`."""
    parts = [found.module.split(".") for found in imports(name)]
    return {
        (module[1] if len(module) > 1 and module[1] in map(place, PLACES) else "")
        for module in parts
        if module[0] == "facewatchd"
    }


def foreign(name: str) -> set[str]:
    return {found.module.split(".")[0] for found in imports(name)} - {"facewatchd"}


def inside(*places: str) -> list[str]:
    return [name for name in MODULES if place(name) in places]


def test_the_package_is_here() -> None:
    """The tests below look at something."""
    assert {
        "domain",
        "errors",
        "cli/main",
        "config",
        "core/tree/entries",
        "operations/registry",
        "corrections/apply",
        "pipeline/intake/ingest",
        "daemon/loop",
    } <= set(MODULES)
    assert all(inside(stage) for stage in STAGES)
    assert ours("core/tree/plan") == {"core", "domain"}


@pytest.mark.parametrize("name", ["domain", "errors", *inside("processes")])
def test_the_words_import_nothing_of_ours(name: str) -> None:
    """
    Everybody may import the records, the errors and what passes between processes, because they import nobody. What passes
    between processes can fail, and says so by the errors.
    """
    assert ours(name) <= ({"processes", "errors"} if place(name) == "processes" else set())


@pytest.mark.parametrize("name", inside("core"))
def test_decisions_are_pure(name: str) -> None:
    """Core knows the records, numpy, array functions, and what of the standard library touches nothing."""
    assert ours(name) <= {"core", "domain", "errors"}
    assert foreign(name) <= PURE | ARRAYS | LOADS.get(name, set())


@pytest.mark.parametrize("name", inside(*STAGES))
def test_stages_do_not_know_each_other(name: str) -> None:
    """A stage knows core, the words and its own processes; what passes between stages is the pipeline's."""
    assert ours(name) <= {place(name), "core", "domain", "errors", "processes"}


@pytest.mark.parametrize("name", inside("corrections"))
def test_corrections_know_the_state(name: str) -> None:
    """... and not the people tree, which the gestures come from, nor whoever carries them out."""
    assert ours(name) <= {"corrections", "store", "core", "domain", "errors"}


@pytest.mark.parametrize("name", inside("pipeline"))
def test_the_pipeline_knows_the_stages(name: str) -> None:
    """... and the corrections, and not who runs it."""
    assert ours(name) <= STAGES | {"pipeline", "corrections", "core", "domain", "errors", "config"}


BELOW_OPERATIONS = STAGES | {"pipeline", "corrections", "core", "domain", "errors", "config", "processes", ""}


@pytest.mark.parametrize("name", inside("operations"))
def test_operations_know_the_pipeline(name: str) -> None:
    """... and what is below: neither the daemon, which carries some of them out, nor the commands. All may know the version."""
    assert ours(name) <= BELOW_OPERATIONS | {"operations", "libraries"}


@pytest.mark.parametrize("name", inside("daemon"))
def test_the_daemon_knows_the_operations(name: str) -> None:
    """... and what is below, and not the commands; it sets the log up."""
    assert ours(name) <= BELOW_OPERATIONS | {"daemon", "operations", "log", "kept_signal"}


@pytest.mark.parametrize("name", inside("cli"))
def test_commands_have_arguments_and_rendering_only(name: str) -> None:
    """They call operations, and print what comes of them; of the rooms below they take words and errors. `run` is the daemon."""
    words = {"config", "domain", "errors", "kept_signal", "libraries", "linux", "log", ""}
    assert ours(name) <= {"cli", "operations", "daemon", "core", "store"} | words
    modules = {found.module for found in imports(name)}
    below = {module for module in modules if module.split(".")[1:2] in (["daemon"], ["core"], ["store"])}
    assert below <= {
        "facewatchd.daemon.process.start",
        "facewatchd.daemon.intake.progress",
        "facewatchd.core.tree.folder_names",
        "facewatchd.core.dates.words",
        "facewatchd.store.trouble",
    }


def test_one_place_asks_whether_a_daemon_runs() -> None:
    """... and decides who carries an operation out; who runs the daemon holds its lock, too."""
    askers = {
        name: {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module in {"facewatchd.processes.lock", "facewatchd.processes.control"}
            for alias in node.names
        }
        for name, tree in MODULES.items()
    }
    assert {name for name, names in askers.items() if names & {"is_running", "ask"}} == {"operations/client"}
    assert {name for name, names in askers.items() if "single_instance" in names} == {
        "operations/client",
        "daemon/process/start",
    }
    # by no way around these names
    assert not [
        name
        for name in MODULES
        for found in imports(name)
        if found.module in {"facewatchd.processes.lock", "facewatchd.processes.control"} and not askers[name]
    ]


@pytest.mark.parametrize("name", list(MODULES))
def test_nobody_imports_the_command_line(name: str) -> None:
    """Except the module that runs it (`python -m facewatchd`)."""
    assert "cli" not in ours(name) or name == "__main__" or place(name) == "cli"


@pytest.mark.parametrize("name", inside("config", "config_file", "config_words", "log"))
def test_settings_know_nobody(name: str) -> None:
    """A setting may be checked by what decides with it, and is handed down to everybody else."""
    own = {"config_file", "config_words"} if name == "config" else set()
    assert ours(name) <= own | {"core", "domain", "errors"}


def test_only_the_store_speaks_sql() -> None:
    """
    The doctor tells its version; the commands may turn an error that got that far into a
    sentence, and no more.
    """
    speakers = {name for name in MODULES if "sqlite3" in foreign(name)} - set(inside("store")) - {"operations/health"}
    assert speakers <= {"cli/command"}
    for name in speakers:
        uses = [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)]
        assert {use.attr for use in uses if isinstance(use.value, ast.Name) and use.value.id == "sqlite3"} == {"Error"}


def test_only_one_module_writes_medoids() -> None:
    """The gallery index in memory follows what is written there, and knows of no other change."""
    writing = re.compile(r"(INTO|UPDATE|UPDATE OR \w+|DELETE FROM)\s+medoids\b")
    writers = {name for name in inside("store") if writing.search((PACKAGE / f"{name}.py").read_text())}
    assert writers == {"store/medoids"}


@pytest.mark.parametrize("name", list(MODULES))
def test_nobody_else_prints(name: str) -> None:
    """Stdout belongs to the commands' results; everything else is logged."""
    calls = [node.func for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    assert not prints or place(name) == "cli"


@pytest.mark.parametrize("name", list(MODULES))
def test_no_module_is_too_long_to_read(name: str) -> None:
    """A module is about one thing."""
    lines = (PACKAGE / f"{name}.py").read_bytes().count(b"\n")
    assert lines <= MAX_LINES


@pytest.mark.parametrize("name", list(MODULES))
def test_nothing_is_pickled(name: str) -> None:
    """What passes between processes is plain data with a schema (`processes.wire`), over pipes that carry bytes."""
    found = {each.module for each in imports(name)}
    assert not {module.split(".")[0] for module in found} & {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    assert not any(module.startswith("multiprocessing") for module in found - {"multiprocessing.connection"})


# --- rooms: folders in folders

ROOMS = {
    "core": ("dates", "intake", "matching", "grouping", "evaluation", "tree"),
    "photos": ("metadata", "decoding", "writing"),
    "pipeline": ("grouping", "dates", "tree", "intake", "sorting"),
}
"""Each room may know those before it; a module that lies beside the rooms is there for all of them, and knows none."""


def room(name: str) -> str:
    """The folder inside its place that a module is in: "dates" of "core/dates/plan", "" for none."""
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else ""


def known_rooms(name: str) -> set[str]:
    """The rooms of its own place that a module imports from."""
    modules = {found.module.removeprefix("facewatchd.").replace(".", "/") for found in imports(name)}
    return {room(other) for other in modules & set(MODULES) if place(other) == place(name)}


@pytest.mark.parametrize("name", [name for name in inside(*ROOMS) if not name.endswith("__init__")])
def test_rooms_are_entered_one_way(name: str) -> None:
    """So that each can be read without those behind it."""
    order = ROOMS[place(name)]
    assert room(name) in {"", *order}, "a room that is not in the list above"
    before = order[: order.index(room(name))] if room(name) else ()
    assert known_rooms(name) <= {"", room(name), *before}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Whatever rooms they are in."""
    needs = {
        name: {
            found.module.removeprefix("facewatchd.").replace(".", "/")
            for found in imports(name)
            if found.at_once and found.module.startswith("facewatchd.")
        }
        & set(MODULES)
        for name in MODULES
    }
    while free := {name for name, others in needs.items() if not others & set(needs)}:
        needs = {name: others for name, others in needs.items() if name not in free}
    assert not needs


# --- who decodes

DECODERS = {"PIL", "pillow_heif", "rawpy", "piexif", "tifffile"}
"""Libraries that parse photos."""

DECODE = {"photos/decoding/decode", "photos/decoding/raw", "photos/decoding/compare", "photos/decoding/child"}
"""What runs in the processes that decode, and nowhere else."""


def test_only_decoders_load_what_parses_photos() -> None:
    """The demo makes pictures of its own."""
    assert {name for name in MODULES if foreign(name) & DECODERS} <= DECODE | {"demo"}
    own = {*DECODE, "photos/decoding/content"}
    for name in set(MODULES) - own:
        imported = {found.module.removeprefix("facewatchd.").replace(".", "/") for found in imports(name)}
        assert not imported & own, f"{name} loads what decodes"


def test_only_a_decoder_has_opencv_decode() -> None:
    """OpenCV is loaded for much else. The demo reads pictures that come with it."""
    readers = set()
    for name, tree in MODULES.items():
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if used & {"imread", "imdecode", "imreadmulti", "imdecodemulti", "VideoCapture"}:
            readers.add(name)
    assert readers <= {"photos/decoding/decode", "photos/decoding/raw", "demo"}
