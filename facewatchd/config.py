"""
YAML -> frozen `Config`. Every key has a default, so that no file is needed; an unknown key is an error with its path.

`config.example.yaml` names every key; a test holds it to this schema.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from facewatchd.errors import ConfigError, displayable


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("no folder's name holds a NUL character")
    try:
        return Path(os.path.abspath(path.expanduser()))
    except RuntimeError as error:
        raise ValueError(f"no user is called {path.parts[0][1:]!r}; write the whole path") from error


def _known_zone(name: str) -> str:
    if name:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no time zone is called {name!r}; names look like Europe/Berlin") from error
    return name


def _ranking(sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if sources.count(source) > 1:
            raise ValueError(f"{source} is named twice")
    if "mtime" in sources[:-1]:
        raise ValueError("mtime comes last: every file has one, so that what stands behind it would never be asked")
    if not set(sources) - {"mtime"}:
        raise ValueError("name at least one source besides mtime; dates.mode: off does not look at dates")
    return sources


def _plain_text(value: object) -> object:
    """YAML reads 1987-07-01 as a date and 1987 as a number."""
    return str(value) if isinstance(value, dt.date) or type(value) is int else value


def _off_for_false(value: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


def _plain_difference(value: object) -> object:
    """YAML reads +12:00:00 as a number of seconds."""
    if type(value) is not int:
        return value
    hours, rest = divmod(abs(value), 3600)
    days, hours = divmod(hours, 24)
    return f"{'-' if value < 0 else '+'}{days}d {hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def _photos_or_false(value: object) -> int:
    if value is False:
        return 0
    if type(value) is not int or value < 1:
        raise ValueError("write false, or how many photos two people need in common")
    return value


def _link_template(text: str) -> str:
    # not at the top: it takes numpy with it, which --help can do without
    from facewatchd.core.link_names import template  # noqa: PLC0415

    template(text)
    return text


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback)


Folder = Annotated[Path, AfterValidator(_absolute)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Similarity = Annotated[float, Field(ge=-1, le=1)]
DateSourceName = Literal["xmp", "exif", "takeout", "name-time", "name-date", "folder", "mtime"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, values: object) -> object:
        """A heading whose keys are all commented out is None in YAML."""
        return {} if values is None else values


class PeopleConfig(Section):
    """The people tree."""

    dir: Folder = Field(default_factory=lambda: Path.home() / "People", validate_default=True)
    min_faces: Annotated[int, Field(ge=2)] = 3
    links: Literal["relative", "absolute", "hardlink", "copy"] = "relative"
    link_name: Annotated[str, AfterValidator(_link_template)] = "{date} {name}"
    max_deletions: Fraction = 0.2
    allow_same_photo: bool = False
    years: bool = False
    together: Annotated[int, BeforeValidator(_photos_or_false)] = 0
    """Photos that two people need in common; 0 (`false`): no such folders."""


class StateConfig(Section):
    """Where everything is remembered."""

    dir: Folder = Field(
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state") / "facewatchd", validate_default=True
    )


class ModelsConfig(Section):
    """Which face models to use."""

    pack: Annotated[str, Field(min_length=1)] = "auto"
    root: Folder = Field(default_factory=lambda: Path.home() / ".insightface", validate_default=True)
    provider: Literal["auto", "cpu", "cuda"] = "auto"


class FacesConfig(Section):
    """How faces are looked for, and which are fit to be grouped; the others are kept and marked poor."""

    min_score: Fraction = 0.5
    min_size: Annotated[float, Field(ge=1)] = 32
    min_sharpness: Annotated[float, Field(ge=0)] = 12
    max_turn: Annotated[float, Field(ge=0)] = 1.6
    tiles: Annotated[Literal["auto", "off"], BeforeValidator(_off_for_false)] = "auto"


class AssignConfig(Section):
    """When a new face is taken for a known person. Empty: as fits the model."""

    threshold: Similarity | None = None
    margin: Annotated[float, Field(ge=0, le=2)] | None = None


class ReclusterConfig(Section):
    """When everything is grouped anew."""

    every_days: Annotated[float, Field(gt=0)] = 1
    when_new: Annotated[float, Field(gt=0)] = 0.2
    min_samples: Annotated[int, Field(ge=1)] = 2
    threshold: Similarity | None = None
    max_moved: Fraction = 0.3


class WatchConfig(Section):
    """How changes in the photo folders are noticed."""

    settle_s: Annotated[float, Field(ge=0)] = 2
    settle_open_s: Annotated[float, Field(ge=0)] = 5
    mode: Literal["auto", "inotify", "polling"] = "auto"
    poll_s: Annotated[float, Field(gt=0)] = 60
    rescan_s: Annotated[float, Field(gt=0)] = 3600


class DateRuleConfig(Section):
    """Everything under a path is of one date."""

    path: str
    date: Annotated[str, BeforeValidator(_plain_text)]
    precision: Literal["", "second", "day", "month", "year"] = ""

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        # not at the top: it takes numpy with it, which --help can do without
        from facewatchd.core.date_rules import check_rule_path, rule_date  # noqa: PLC0415

        check_rule_path(self.path)
        rule_date(self.date, self.precision)
        return self


class DateShiftConfig(Section):
    """A camera's clock was wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    model: Annotated[str, Field(min_length=1)]
    by: Annotated[str, BeforeValidator(_plain_difference)]
    start: Annotated[str, BeforeValidator(_plain_text), Field(alias="from")] = ""
    end: Annotated[str, BeforeValidator(_plain_text), Field(alias="to")] = ""

    @model_validator(mode="after")
    def _is_a_shift(self) -> Self:
        from facewatchd.core.date_rules import rule_date, shift_by  # noqa: PLC0415

        shift_by(self.by)
        for text in filter(None, (self.start, self.end)):
            rule_date(text)
        return self


class DatesConfig(Section):
    """Capture dates."""

    mode: Annotated[
        Literal["inplace", "sidecar", "report", "off"],
        BeforeValidator(_off_for_false),
    ] = "inplace"
    timezone: Annotated[str, AfterValidator(_known_zone)] = ""
    write_date_only: bool = False
    sources: Annotated[tuple[DateSourceName, ...], AfterValidator(_ranking)] = (
        "xmp",
        "exif",
        "takeout",
        "name-time",
        "name-date",
        "folder",
    )
    rules: tuple[DateRuleConfig, ...] = ()
    shift: tuple[DateShiftConfig, ...] = ()


class IngestConfig(Section):
    """How photos are taken in."""

    workers: Annotated[int, Field(ge=0)] = 0
    max_memory: Annotated[int, Field(ge=0)] = 0
    max_seconds: Annotated[float, Field(gt=0)] = 60
    max_megapixels: Annotated[float, Field(gt=0)] = 250


class LogConfig(Section):
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """Everything that can be set. See `config.example.yaml` for what each key means."""

    photos: tuple[Folder, ...] = ()
    people: PeopleConfig = Field(default_factory=PeopleConfig)
    state: StateConfig = Field(default_factory=StateConfig)
    models: ModelsConfig = Field(default_factory=ModelsConfig)
    faces: FacesConfig = Field(default_factory=FacesConfig)
    assign: AssignConfig = Field(default_factory=AssignConfig)
    recluster: ReclusterConfig = Field(default_factory=ReclusterConfig)
    watch: WatchConfig = Field(default_factory=WatchConfig)
    dates: DatesConfig = Field(default_factory=DatesConfig)
    ingest: IngestConfig = Field(default_factory=IngestConfig)
    log: LogConfig = Field(default_factory=LogConfig)


def find_config(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """
    The configuration file to read: the given one, else the first of the usual places that exists.

    Raises:
        ConfigError: A file that was named (on the command line or in `$FACEWATCHD_CONFIG`) is not there.
    """
    named = given or (Path(environ["FACEWATCHD_CONFIG"]) if environ.get("FACEWATCHD_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError("The configuration file is not there", "Check --config and $FACEWATCHD_CONFIG.", named)
        return named
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    usual = (home / "facewatchd" / "config.yaml", Path("/etc/facewatchd/config.yaml"))
    return next((path for path in usual if path.is_file()), None)


def load_config(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """
    Read a configuration.

    Args:
        path: A YAML file, or None for the defaults.
        overrides: Values that win over the file's, as nested mappings (the command line's).

    Raises:
        ConfigError: The file cannot be read, is not YAML, or holds a key or value that is not allowed.
    """
    values = _merged(_read_yaml(path) if path is not None else {}, overrides or {})
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("The configuration cannot be used", _first_problem(error), path) from error
    except RuntimeError as error:  # of Path.home()
        raise ConfigError(
            "Your home folder is unknown", "Set $HOME, or set people.dir, state.dir and models.root.", path
        ) from error
    _refuse_overlaps(config)
    return config


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, where plain YAML silently lets the last one win (R28)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            # `<<` takes in another mapping, whose keys may be given anew
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"{key.value} stands there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigError(
            "The configuration file cannot be read", f"{error.strerror}; check its path and its permissions.", path
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            "The configuration file cannot be read", "It is not UTF-8 text; save it as UTF-8.", path
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"Line {mark.line + 1}: " if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(
            "The configuration file is not valid YAML",
            f"{line}{problem}; compare with config.example.yaml.",
            path,
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("The configuration cannot be used", "The file must hold keys such as 'photos:'.", path)
    return values


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"{key}: there is no such key; config.example.yaml names them all{more}."
    if problem["type"] == "tuple_type":
        example = "[~/Pictures]" if key == "photos" else "[exif, xmp]" if key == "dates.sources" else "[...]"
        return f"{key}: write a list, such as {example}{more}."
    if problem["type"] == "model_type":
        return f"{key}: write its keys below it, as in config.example.yaml{more}."
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}{more}."


def _refuse_overlaps(config: Config) -> None:
    """Nested roots would take every photo in twice; a root in the people tree would watch our own links (R28, R35)."""
    people = Path(os.path.realpath(config.people.dir))  # Path.resolve raises where links go round in a circle
    state = Path(os.path.realpath(config.state.dir))
    if state == people or people in state.parents:
        raise ConfigError(
            "The state lies in the people tree", f"Move one of them: people.dir is {displayable(people)}.", state
        )
    roots = [Path(os.path.realpath(root)) for root in config.photos]
    for at, root in enumerate(roots):
        if root == people or people in root.parents:
            raise ConfigError(
                "A photo folder lies in the people tree",
                f"Move one of them: people.dir is {displayable(people)}.",
                config.photos[at],
            )
        for other in roots[:at]:
            if root == other or other in root.parents or root in other.parents:
                raise ConfigError(
                    "Two photo folders overlap", f"Keep the outer one only: {displayable(other)}.", config.photos[at]
                )
