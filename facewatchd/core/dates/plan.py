"""
What may be done about a photo's capture date: evidence, finding and the file's layout -> `DatePlan`. Pure.

Nothing but a missing or nonsense capture date is ever written (R11), only from the first five sources of R19, and into the
photo only where a date field is there to be overwritten or can be added with everything else in its place; everything else
goes beside it or is reported. Where in doubt: reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from facewatchd.core.dates.evidence import CONFIDENCE_DIGITIZED, Evidence
from facewatchd.core.dates.stamps import AHEAD, SUSPECT, Stamp, fault, is_unclear, parse_stamp, parse_zone
from facewatchd.domain import DateFinding, DateSource, Precision

ORIGINAL_TAG = 36867
"""DateTimeOriginal, the capture date itself; DateTimeDigitized (36868) and DateTime (306) only accompany it."""

FIELD_BYTES = 20
"""Of a date field: `2019:08:17 12:34:56` and a NUL."""

_NOON = 12
# bytes that cameras and programs write into a date field; any others may belong to another program
_DATE_BYTES = frozenset(b"0123456789:/.-? \0T")


class Mode(StrEnum):
    """See `dates.mode`."""

    INPLACE = "inplace"
    SIDECAR = "sidecar"
    REPORT = "report"
    OFF = "off"


class Act(StrEnum):
    """What is done about a photo."""

    NOTHING = "nothing"  # its date is right
    PATCH = "patch"  # date fields are overwritten, byte for byte
    EXTEND = "extend"  # its Exif block gets a date field, as it has none
    EXIF = "exif"  # it gets an Exif block, as it has none
    SET = "set"  # all that states its date is set to what the user says
    SIDECAR = "sidecar"
    REPORT = "report"  # its date is not right, and nothing is written


@dataclass(frozen=True, slots=True)
class DateField:
    """
    A date tag with a value that can be overwritten in place.

    Attributes:
        tag: 306, 36867 or 36868.
        at: Where the value begins in the file.
        content: The value, `FIELD_BYTES` long.
    """

    tag: int
    at: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How a file keeps its dates.

    Attributes:
        fields: Date tags that can be overwritten.
        fixed: Date tags that cannot: of another type or length.
        has_block: Whether there is any Exif block.
        can_insert: Whether an Exif block can be put in.
        can_extend: Whether the only Exif block has no field for the capture date, and can be given one.
        damage: Why the file must not be touched, empty where nothing is wrong with it.
        fractions: The fields with the parts of a second of DateTimeOriginal (37521) and DateTimeDigitized (37522), of any
            length.
    """

    fields: tuple[DateField, ...] = ()
    fixed: tuple[int, ...] = ()
    has_block: bool = False
    can_insert: bool = False
    can_extend: bool = False
    damage: str = ""
    fractions: tuple[DateField, ...] = ()


@dataclass(frozen=True, slots=True)
class DatePlan:
    """
    What is done about a photo, and why.

    Attributes:
        act: What.
        why: In words for the user: what is wrong, or why nothing is written.
        value: What is written; noon where only the day is known. None where nothing is written.
        precision: How fine `value` is; coarser than a day only in sidecars.
        fields: For `PATCH`: what is overwritten.
    """

    act: Act
    why: str
    value: datetime | None = None
    precision: Precision = Precision.SECOND
    fields: tuple[DateField, ...] = ()


def nonsense(text: str, now: float) -> bool:
    """
    Whether what stands in a date field is certainly no date of anything: blank, unreadable, or impossible (R18). A
    suspect date is not, and neither is one in an unknown order.
    """
    stamp = parse_stamp(text)
    return not is_unclear(text) if stamp is None else bool(fault(stamp, now))


def needs_date(evidence: Evidence, now: float) -> bool:
    """Whether the photo's own capture date is missing or nonsense."""
    return nonsense(evidence.tags.original, now)


def unwritable(evidence: Evidence, finding: DateFinding, *, write_date_only: bool) -> str:
    """
    Why a finding must not be written anywhere; empty where it may.

    Args:
        evidence: What the finding was made of.
        finding: The date.
        write_date_only: See `dates.write_date_only`.
    """
    source, precision = finding.source, finding.precision
    if finding.value in SUSPECT:
        return "the date found may itself be a clock that was never set"
    if source is DateSource.USER:
        return ""
    if source is DateSource.FOLDER:
        return "only the folder's name gives this date"
    if source is DateSource.MTIME:
        return "only the file's own time gives a date"
    if source is DateSource.EXIF and finding.confidence < CONFIDENCE_DIGITIZED:
        return "only the date of the last change is known"
    if finding.confidence == CONFIDENCE_DIGITIZED and not _by_camera(evidence):
        return "only the date of digitizing is known, which of a scan is the scanner's day"
    if precision in {Precision.YEAR, Precision.MONTH}:
        return f"only the {precision} is known"
    if precision is Precision.DAY and not write_date_only:
        return "only the day is known (dates.write_date_only)"
    return ""


def may_correct(written: DateSource, found: DateFinding, sources: Sequence[DateSource]) -> bool:
    """
    Whether a date that we wrote is replaced by one found since: only by a rule of the user, or by a source that is believed
    more than its own. A photo that only got another name keeps the date from its former name.

    Args:
        written: Where the date that we wrote came from.
        found: What would be found had we written nothing.
        sources: The most believed first.
    """
    if DateSource.USER in {found.source, written}:
        return found.source is DateSource.USER
    place = {source: at for at, source in enumerate(sources)}
    return place.get(found.source, len(place)) < place.get(written, len(place))


def without_write(evidence: Evidence, value: datetime, *, in_sidecar: bool) -> Evidence:
    """The evidence for a photo's date before we wrote one, as far as the present evidence shows it."""
    if in_sidecar:
        return replace(evidence, sidecar=None)

    def kept(text: str) -> str:
        stamp = parse_stamp(text)
        return "" if stamp is not None and stamp.value == value else text

    tags = evidence.tags
    bare = replace(tags, original=kept(tags.original), digitized=kept(tags.digitized), modified=kept(tags.modified))
    return replace(evidence, tags=bare)


def plan(
    evidence: Evidence,
    finding: DateFinding,
    layout: Layout,
    mode: Mode,
    now: float,
    *,
    write_date_only: bool = False,
    write_rules: bool = False,
) -> DatePlan:
    """
    Decide.

    Args:
        evidence: What the finding was made of.
        finding: The date.
        layout: Of the file.
        mode: See `dates.mode`.
        now: Seconds since 1970.
        write_date_only: See `dates.write_date_only`.
        write_rules: See `dates.write_rules`.
    """
    problem = finding.problem or "no date"
    own = [field for field in layout.fields if field.tag == ORIGINAL_TAG]
    if write_rules and finding.source is DateSource.USER and finding.problem and mode in {Mode.INPLACE, Mode.SIDECAR}:
        return DatePlan(Act.SET, problem, finding.value.replace(microsecond=0), finding.precision)
    if not needs_date(evidence, now):
        # a suspect date, or the user says otherwise: a valid date is never overwritten
        return DatePlan(Act.REPORT, finding.problem) if finding.problem else DatePlan(Act.NOTHING, "")
    if _may_be_now(evidence, now):
        return DatePlan(Act.REPORT, f"{problem}; so is the file's own time: check this computer's clock")
    if any(not nonsense(_text(field), now) for field in own):
        return DatePlan(Act.REPORT, f"{problem}, but another date in the photo is valid")
    if why := unwritable(evidence, finding, write_date_only=write_date_only):
        return DatePlan(Act.REPORT, f"{problem}; {why}")
    if layout.damage:
        return DatePlan(Act.REPORT, f"{problem}; {layout.damage}")
    if other := _contradiction(evidence, finding, now):
        return DatePlan(Act.REPORT, f"{problem}; the photo also says {other}")
    if not all(_is_dateish(field) for field in own):
        return DatePlan(Act.REPORT, f"{problem}; its date field holds something else")
    if mode in {Mode.REPORT, Mode.OFF}:
        return DatePlan(Act.REPORT, f"{problem}; dates.mode is {mode}")
    value = finding.value.replace(hour=_NOON) if finding.precision is Precision.DAY else finding.value
    value = value.replace(microsecond=0)
    exact = finding.precision in {Precision.SECOND, Precision.DAY}
    if mode is Mode.INPLACE and exact and ORIGINAL_TAG not in layout.fixed and _zones_agree(evidence, finding):
        if own:
            fields = tuple(field for field in layout.fields if nonsense(_text(field), now) and _is_dateish(field))
            return DatePlan(Act.PATCH, problem, value, finding.precision, fields)
        if layout.can_extend:
            return DatePlan(Act.EXTEND, problem, value, finding.precision)
        if not layout.has_block and layout.can_insert:
            return DatePlan(Act.EXIF, problem, value, finding.precision)
    if _told_by_sidecar(evidence, finding):
        return DatePlan(Act.NOTHING, "its sidecar has the date")
    return DatePlan(Act.SIDECAR, problem, finding.value.replace(microsecond=0), finding.precision)


def _by_camera(evidence: Evidence) -> bool:
    """
    Whether a camera wrote both dates and spoilt one. A scanner's program leaves DateTimeOriginal out, or fills it with
    blanks, which Exif 2.32 defines as "unknown".
    """
    return bool(evidence.tags.original.strip(" :\0")) and bool(evidence.tags.model)


def _may_be_now(evidence: Evidence, now: float) -> bool:
    """Whether a date is nonsense only by a clock that the file's own time contradicts: the computer's may stand wrong."""
    latest = evidence.mtime_ns / 1e9
    return latest > now + AHEAD.total_seconds() and not nonsense(evidence.tags.original, latest)


def _zones_agree(evidence: Evidence, finding: DateFinding) -> bool:
    """Whether the photo's offset tags, which are never written, leave a date its meaning."""
    tags = evidence.tags
    offsets = {parse_zone(text) for text in (tags.original_offset, tags.digitized_offset, tags.modified_offset)}
    return not finding.zone or offsets <= {"", finding.zone}


def _told_by_sidecar(evidence: Evidence, finding: DateFinding) -> bool:
    if evidence.sidecar is None:
        return False
    stamp = parse_stamp(evidence.sidecar.original)
    return stamp is not None and (stamp.value, stamp.precision) == (
        finding.value.replace(microsecond=0),
        finding.precision,
    )


def _contradiction(evidence: Evidence, finding: DateFinding, now: float) -> str:
    """A valid date in the photo's XMP or IPTC that is not the one found; a later day of digitizing is none."""
    embedded = evidence.tags.embedded
    for text in (embedded.original, embedded.created, embedded.iptc, embedded.digitized):
        stamp = parse_stamp(text)
        if stamp is None or fault(stamp, now) or _agree(stamp, finding):
            continue
        if text is not embedded.digitized or stamp.value < finding.value:
            return text
    return ""


def _agree(stamp: Stamp, finding: DateFinding) -> bool:
    if stamp.precision is Precision.SECOND and finding.precision is Precision.SECOND:
        return stamp.value == finding.value.replace(microsecond=0)
    keep = min({Precision.YEAR: 1, Precision.MONTH: 2}.get(one, 3) for one in (stamp.precision, finding.precision))
    return stamp.value.timetuple()[:keep] == finding.value.timetuple()[:keep]


def _text(field: DateField) -> str:
    return field.content.split(b"\0", 1)[0].decode("ascii", "replace")


def _is_dateish(field: DateField) -> bool:
    return all(byte in _DATE_BYTES for byte in field.content)
