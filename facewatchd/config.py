"""
YAML -> frozen `Config`. Every key has a default, so that no file is needed; an unknown key is an error with its path.

`config.example.yaml` names every key; a test holds it to this schema.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from facewatchd.config_file import ConfigFile, read_config_file
from facewatchd.config_words import RealPath, Says, problem_said, refuse_overlaps
from facewatchd.errors import ConfigError


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
            raise ValueError("no time zone is called so") from error
    return name


def _ranking(sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if sources.count(source) > 1:
            raise ValueError(f"{source} is named twice")
    if "mtime" in sources[:-1]:
        raise ValueError("mtime must come last: every file has one, so sources after it would never be used")
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
        raise ValueError
    return _sane(value)


def _number(value: object) -> object:
    """YAML's `yes` is no number, though Python takes it for 1."""
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - pydantic takes no other for a fault of the value
    return value


def _sane(value: int) -> int:
    if value > _MOST:
        raise ValueError(f"nothing here can be more than {_MOST:,}")
    return value


def _folder_named(value: object) -> object:
    """Nothing between the quotes would be the working folder."""
    if value == "":
        raise ValueError
    return value


def _checked(check: Callable[[str], object], text: str) -> str:
    """The text, if the check lets it pass. What the check says is left out: `Says` tells what is allowed."""
    try:
        check(text)
    except ValueError as error:
        raise ValueError from error
    return text


def _rule_path(path: str) -> str:
    from facewatchd.core.dates.rules import check_rule_path  # noqa: PLC0415

    return _checked(check_rule_path, path)


def _rule_date(text: str) -> str:
    from facewatchd.core.dates.rules import rule_date  # noqa: PLC0415

    return _checked(rule_date, text) if text else text


def _shift(text: str) -> str:
    from facewatchd.core.dates.rules import shift_by  # noqa: PLC0415

    return _checked(shift_by, text)


def _link_template(text: str) -> str:
    # not at the top: it takes numpy with it, which --help can do without
    from facewatchd.core.tree.link_names import template  # noqa: PLC0415

    template(text)
    return text


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback)


Folder = Annotated[Path, BeforeValidator(_folder_named), AfterValidator(_absolute)]
Whole = Annotated[int, BeforeValidator(_number), AfterValidator(_sane)]
Number = Annotated[float, BeforeValidator(_number)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Similarity = Annotated[Number, Field(ge=-1, le=1)]
RuleDate = Annotated[
    str, BeforeValidator(_plain_text), AfterValidator(_rule_date), Says("a date, such as 1987, 1987-07 or 1987-07-01")
]
_SOURCES = "a list of sources, the most trusted first, such as [exif, xmp]"
DateSourceName = Literal["xmp", "exif", "takeout", "name-time", "name-date", "folder", "mtime"]


_MOST = 1_000_000_000
"""More of anything is a slip of the finger, and more than the database can count is not far."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, values: object) -> object:
        """In YAML, a heading is None if all its keys are comments."""
        return {} if values is None else values


class PeopleConfig(Section):
    """The people tree."""

    dir: Folder = Field(default_factory=lambda: Path.home() / "People", validate_default=True)
    min_faces: Annotated[Whole, Field(ge=2)] = 3
    links: Literal["relative", "absolute", "hardlink", "copy"] = "relative"
    link_name: Annotated[
        str, AfterValidator(_link_template), Says("text with {name} in it, such as '{date} {name}'")
    ] = "{date} {name}"
    max_deletions: Fraction = 0.2
    allow_same_photo: bool = False
    years: bool = False
    together: Annotated[int, BeforeValidator(_photos_or_false), Says("false, or a whole number, 1 or more")] = 0
    """Photos that two people need in common; 0 (`false`): no such folders."""
    face_pictures: Annotated[int, BeforeValidator(_photos_or_false), Says("false, or a whole number, 1 or more")] = 500
    """Of the newest unknown faces; 0 (`false`): no face has a picture, not in `_review` either."""


class StateConfig(Section):
    """Where everything is remembered."""

    dir: Folder = Field(
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state") / "facewatchd", validate_default=True
    )


class ModelsConfig(Section):
    """Which face models to use."""

    pack: Annotated[str, Field(min_length=1), Says("auto, builtin, the name of a pack, or its folder")] = "auto"
    root: Folder = Field(default_factory=lambda: Path.home() / ".insightface", validate_default=True)
    provider: Literal["auto", "cpu", "cuda"] = "auto"


class FacesConfig(Section):
    """How faces are looked for, and which are fit to be grouped; the others are kept and marked poor."""

    min_score: Fraction = 0.5
    min_size: Annotated[Number, Field(ge=1)] = 32
    min_sharpness: Annotated[Number, Field(ge=0)] = 12
    max_turn: Annotated[Number, Field(ge=0)] = 1.6
    tiles: Annotated[Literal["auto", "off"], BeforeValidator(_off_for_false)] = "auto"


class AssignConfig(Section):
    """When a new face is taken for a known person. Empty: as fits the model."""

    threshold: Similarity | None = None
    margin: Annotated[Number, Field(ge=0, le=2)] | None = None


class ReclusterConfig(Section):
    """When all faces are grouped again."""

    every_days: Annotated[Number, Field(gt=0)] = 1
    when_new: Annotated[Number, Field(gt=0)] = 0.2
    min_samples: Annotated[Whole, Field(ge=1)] = 2
    threshold: Similarity | None = None
    max_moved: Fraction = 0.3


class WatchConfig(Section):
    """How changes in the photo folders are noticed."""

    settle_s: Annotated[Number, Field(ge=0)] = 2
    settle_open_s: Annotated[Number, Field(ge=0)] = 5
    mode: Literal["auto", "inotify", "polling"] = "auto"
    poll_s: Annotated[Number, Field(gt=0)] = 60
    rescan_s: Annotated[Number, Field(gt=0)] = 3600


class DateRuleConfig(Section):
    """Everything under a path is of one date."""

    path: Annotated[
        str,
        AfterValidator(_rule_path),
        Says("a path below the photo folder, without a / in front, such as Scans/1987*"),
    ]
    date: RuleDate
    precision: Literal["", "second", "day", "month", "year"] = ""

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        # not at the top: it takes numpy with it, which --help can do without
        from facewatchd.core.dates.rules import rule_date  # noqa: PLC0415

        rule_date(self.date, self.precision)
        return self


class DateShiftConfig(Section):
    """A camera's clock was wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    model: Annotated[str, Field(min_length=1), Says("the name of a camera, as its photos have it")]
    by: Annotated[
        str,
        BeforeValidator(_plain_difference),
        AfterValidator(_shift),
        Says("a difference of time, such as +1d 02:00:00 or -00:30:00"),
    ]
    start: Annotated[RuleDate, Field(alias="from")] = ""
    end: Annotated[RuleDate, Field(alias="to")] = ""


class DatesConfig(Section):
    """Capture dates."""

    mode: Annotated[
        Literal["inplace", "sidecar", "report", "off"],
        BeforeValidator(_off_for_false),
    ] = "inplace"
    timezone: Annotated[
        str, AfterValidator(_known_zone), Says("the name of a time zone, such as Europe/Berlin, or empty quotes")
    ] = ""
    write_date_only: bool = False
    sources: Annotated[tuple[DateSourceName, ...], AfterValidator(_ranking), Says(_SOURCES)] = (
        "xmp",
        "exif",
        "takeout",
        "name-time",
        "name-date",
        "folder",
    )
    rules: Annotated[tuple[DateRuleConfig, ...], Says("a list, such as [{path: Scans, date: 1987}]")] = ()
    shift: Annotated[tuple[DateShiftConfig, ...], Says('a list, such as [{model: DF-300, by: "+1d"}]')] = ()
    write_rules: bool = False


class IngestConfig(Section):
    """How photos are taken in."""

    workers: Annotated[Whole, Field(ge=0)] = 0
    max_memory: Annotated[Whole, Field(ge=0)] = 0
    max_seconds: Annotated[Number, Field(gt=0)] = 60
    max_megapixels: Annotated[Number, Field(gt=0)] = 250


class LogConfig(Section):
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """Everything that can be set. See `config.example.yaml` for what each key means."""

    photos: Annotated[tuple[Folder, ...], Says("a list of folders, such as [~/Pictures]")] = ()
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


def with_folders(
    config: Config, photos: tuple[Path, ...], people: Path | None, real_path: RealPath = os.path.realpath
) -> Config:
    """
    The configuration with the folders that its state knows, where it names none itself.

    Args:
        config: What the file and the command line say.
        photos: The photo folders of the state.
        people: Its people folder, None where it has none.
        real_path: See `load_config`.

    Raises:
        ConfigError: These folders and the others lie in one another.
    """
    change: dict[str, Any] = {}
    if not config.photos and photos:
        change["photos"] = photos
    if people is not None and "dir" not in config.people.model_fields_set:
        change["people"] = config.people.model_copy(update={"dir": people})
    if not change:
        return config
    config = config.model_copy(update=change)
    refuse_overlaps(config.people.dir, config.state.dir, config.photos, real_path)
    return config


def find_config(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """
    The configuration file to read: the given one, else the first of the usual places that exists.

    Raises:
        ConfigError: A file that was named (on the command line or in `$FACEWATCHD_CONFIG`) is not there.
    """
    named = given or (Path(environ["FACEWATCHD_CONFIG"]) if environ.get("FACEWATCHD_CONFIG") else None)
    if named is not None:
        if not os.path.lexists(named):
            raise ConfigError("The configuration file is not there", "Check --config and $FACEWATCHD_CONFIG.", named)
        return named
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    usual = (home / "facewatchd" / "config.yaml", Path("/etc/facewatchd/config.yaml"))
    return next((path for path in usual if path.is_file()), None)


def load_config(
    path: Path | None, overrides: Mapping[str, Any] | None = None, real_path: RealPath = os.path.realpath
) -> Config:
    """
    Read a configuration.

    Args:
        path: A YAML file, or None for the defaults.
        overrides: Values that win over the file's, as nested mappings (the command line's).
        real_path: Resolves symbolic links; one that does not touch what does not answer never waits.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or holds a key or value that is not allowed.
    """
    file = read_config_file(path) if path is not None else ConfigFile(None, {})
    try:
        config = Config.model_validate(_merged(file.values, overrides or {}))
    except ValidationError as error:
        raise _problems(error, file, overrides or {}) from error
    except RuntimeError as error:  # of Path.home()
        raise ConfigError(
            "Your home folder is unknown", "Set $HOME, or set people.dir, state.dir and models.root.", path
        ) from error
    refuse_overlaps(config.people.dir, config.state.dir, config.photos, real_path)
    return config


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def _problems(error: ValidationError, file: ConfigFile, overrides: Mapping[str, Any]) -> ConfigError:
    """The first problem of the file, by its line, and how many more there are."""
    problems = error.errors()
    lines = [None if _is_given(problem["loc"], overrides) else file.line_of(problem["loc"]) for problem in problems]
    # a stable order: what was typed on the command line is what the user has before them
    first = min(range(len(problems)), key=lambda at: lines[at] or 0)
    said = problem_said(Config, problems[first])
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    line = f"Line {lines[first]}: " if lines[first] is not None else ""
    where = file.path if line or not overrides else None
    return ConfigError("The configuration cannot be used", f"{line}{said}{more}.", where)


def _is_given(key: Sequence[str | int], overrides: Mapping[str, Any]) -> bool:
    """Whether a value comes from the command line."""
    below: Any = overrides
    for part in key:
        if not isinstance(below, Mapping):
            return True
        if part not in below:
            return False
        below = below[part]
    return True
