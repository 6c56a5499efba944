"""
The capture date of a photo taken in: what it has, what would be done about it and why. Only reads; `date_fix` writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from facewatchd.config import Config
from facewatchd.core.dates.evidence import Evidence
from facewatchd.core.dates.plan import Act, DatePlan, Layout, Mode, needs_date, plan, unwritable
from facewatchd.core.dates.rules import ClockShift, DateRules, FolderRule, rule_date, shift_by
from facewatchd.domain import DateFinding, DateSource, SeenFile
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding.date_evidence import read_evidence
from facewatchd.photos.decoding.read import read_settled
from facewatchd.photos.metadata.beside import fingerprint_at
from facewatchd.photos.writing.edits import Edit, applied
from facewatchd.photos.writing.given import edits_to_fix
from facewatchd.photos.writing.patch import layout_of
from facewatchd.photos.writing.verify import Checker, flaw
from facewatchd.photos.writing.write import obstacle
from facewatchd.watch.answering import Answers

_TITLE = "The date cannot be written"
_INTO_PHOTO = frozenset({Act.PATCH, Act.EXTEND, Act.EXIF})


@dataclass(frozen=True, slots=True)
class DateSettings:
    """
    Attributes:
        mode: What may be done.
        rules: The user's word.
        timezone: Of moments known in UTC only; None for the machine's.
        write_date_only: Whether a date without a time may be written.
        write_rules: Whether the rules of the user may change a valid date in a photo.
        checker: Checks the result before a date is written into a photo; None where nothing is written or checked.
        answers: Tells whether the file systems of the photos answer.
    """

    mode: Mode
    rules: DateRules
    timezone: ZoneInfo | None
    write_date_only: bool
    checker: Checker | None = None
    answers: Answers = field(default_factory=Answers, compare=False)
    write_rules: bool = False

    @classmethod
    def of(cls, config: Config, checker: Checker | None = None, answers: Answers | None = None) -> DateSettings:
        """As the configuration has it."""
        dates = config.dates
        return cls(
            Mode(dates.mode),
            rules_of(config),
            ZoneInfo(dates.timezone) if dates.timezone else None,
            dates.write_date_only,
            checker,
            Answers() if answers is None else answers,
            dates.write_rules,
        )

    def refuse_silent(self, path: bytes) -> None:
        """
        Raises:
            PhotoBusyError: The file system of a photo does not answer.
        """
        if not self.answers.answers(path):
            raise PhotoBusyError("The photo cannot be read yet", self.answers.why_not(path), path)


def rules_of(config: Config) -> DateRules:
    """The user's word about dates."""
    folders = tuple(FolderRule(rule.path, *rule_date(rule.date, rule.precision)) for rule in config.dates.rules)
    shifts = tuple(
        ClockShift(
            shift.model,
            shift_by(shift.by),
            rule_date(shift.start)[0] if shift.start else None,
            rule_date(shift.end)[0] if shift.end else None,
        )
        for shift in config.dates.shift
    )
    # the mtime may be named, and is what is left in any case
    sources = tuple(DateSource(source) for source in config.dates.sources if source != "mtime")
    return DateRules(folders, shifts, sources)


@dataclass(frozen=True, slots=True)
class Looked:
    """
    What was found out about a photo's date.

    Attributes:
        evidence: What holds its date.
        finding: The best of that.
        plan: What will be done.
        beside: Fingerprint of the files beside the photo that were asked.
    """

    evidence: Evidence
    finding: DateFinding
    plan: DatePlan
    beside: bytes


def look(path: bytes, seen: SeenFile, settings: DateSettings, now: float) -> Looked:
    """
    Find out what will be done about the date of a photo.

    Args:
        path: Absolute.
        seen: The photo as it was last seen.
        settings: See there.
        now: Seconds since 1970.

    Raises:
        PhotoError: It cannot be read, or has changed.
    """
    settings.refuse_silent(path)
    beside = fingerprint_at(path)
    evidence = read_evidence(path, seen.path, seen.stat)
    finding = settings.rules.finding(evidence, now, settings.timezone)
    only_day = settings.write_date_only
    layout = Layout()
    if needs_date(evidence, now) and not unwritable(evidence, finding, write_date_only=only_day):
        layout = layout_of(read_settled(path, seen.stat))
    planned = plan(
        evidence,
        finding,
        layout,
        settings.mode,
        now,
        write_date_only=only_day,
        write_rules=settings.write_rules,
    )
    if planned.act in _INTO_PHOTO and (why := obstacle(path)):
        planned = DatePlan(Act.REPORT, f"{planned.why}; {why}")
    return Looked(evidence, finding, planned, beside)


def checked(path: bytes, seen: SeenFile, settings: DateSettings, looked: Looked, now: float) -> Looked:
    """
    What was found out, with a plan that is carried out: the check that comes before a write is done now, and nothing is written.

    Args:
        path: As in `look`.
        seen: As in `look`.
        settings: As in `look`. Without a checker, or where the photo is not written into, `looked` is returned as it is.
        looked: What `look` returned.
        now: As in `look`.

    Raises:
        PhotoError: It cannot be read, or has changed.
    """
    if settings.checker is None or looked.plan.act not in _INTO_PHOTO:
        return looked
    data = read_settled(path, seen.stat)
    try:
        safe_edits(path, data, looked.plan, looked.finding, settings.checker, now)
    except PhotoError as error:
        return replace(looked, plan=refused(looked.plan, error))
    return looked


def safe_edits(
    path: bytes, data: bytes, planned: DatePlan, finding: DateFinding, checker: Checker, now: float
) -> tuple[Edit, ...]:
    """
    The changes of a photo's bytes for a plan, after the check that the result is the same photo but for its date.

    Args:
        path: Of the photo; for messages.
        data: Its whole content.
        planned: Of `PATCH`, `EXTEND` or `EXIF`.
        finding: The date.
        checker: Looks at what needs a library.
        now: Seconds since 1970.

    Raises:
        PhotoBusyError: The file is not what the plan was made for, or cannot be checked now.
        PhotoError: The result would not be safe.
    """
    assert planned.value is not None
    try:
        edits = edits_to_fix(data, planned, finding.zone, now)
        new = applied(data, edits)
    except ValueError as error:
        raise PhotoBusyError(_TITLE, f"{error}.", path) from error
    if why := flaw(data, new, edits, planned.value, checker):
        raise PhotoError(_TITLE, f"The result would not be safe: {why}.", path)
    return edits


def refused(planned: DatePlan, error: PhotoError) -> DatePlan:
    """What is left of a plan that could not be carried out: a report that says why."""
    return DatePlan(Act.REPORT, f"{planned.why}; {error.message}")
