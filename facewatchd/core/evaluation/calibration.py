"""
Thresholds for this archive, from the people whom its user confirmed.

The shipped thresholds were measured on other people, and for some hundred of them. How alike two strangers may look by
accident depends on who they are (relatives), and how often it happens on how many people there are to be mistaken for.
Both can be told from confirmed faces: every one of them is a stranger to everybody else.

What is wanted is a similarity that a stranger reaches once in thousands of pairs, and there are never that many. So it
is not read off, but told from the upper end of what there is, taken for that of a normal distribution: the way in which
reclustering follows its archive too (`core.grouping.recluster.fitted`). Few people say little, so their say counts with their
number (shrinkage), and the rest is what is shipped. How good the result is comes from people who had no part in it
(k-fold, by people: faces of the same person on both sides would be no test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from facewatchd.core.grouping.clusters import LinkRule
from facewatchd.core.grouping.recluster import medoids
from facewatchd.core.matching.assign import COHORT_SHARE, NEAREST, needed
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.domain import Embeddings

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

MIN_PEOPLE = 20
"""
People needed. On LFW the threshold for new faces that 20 people suggest is off by 0.05 (test pack; standard deviation),
as much as 50 known people more or less make; with the weight that it is given, 0.02 remain. 30 people are off by 0.03,
100 by 0.01.
"""
MIN_FACES = 4
"""Confirmed faces that each of them needs: two groups of two, or three to learn and one to try."""

FOLDS = 5
STRANGERS = 0.005
"""Share of strangers who may be taken for somebody known."""

_SEED = 0
# people whose say counts as much as what is shipped; of groups of faces there are fewer, and reclustering finds out most
# about its archive by itself
_TRUSTED, _TRUSTED_LINKS = 30, 100
# faces of a person that are looked at: enough to know them, and nobody's say counts more than others'
_MOST_FACES = 20
# ... and people: everybody is held against everybody, which takes gigabytes for 2,000; see `MIN_PEOPLE` for what more add
_MOST_PEOPLE = 500
_LEARNED = 0.7
# groups of two faces that a person's faces are put into
_MOST_GROUPS = 4
# the upper end: the shares of pairs above the two values that it is told from
_END, _FAR_END = 0.05, 0.00625
# how far the threshold for new faces follows where there are fewer people than in the reference: all the way would be
# right for ArcFace, and for dlib's ResNet, whose upper end is not that of a normal distribution, too far
_CAREFUL = 0.7
# spread below which nothing is believed: it would be a model whose strangers are all alike
_LEAST_SPREAD = 1e-4


@dataclass(frozen=True, slots=True)
class Tail:
    """
    The upper end of how alike strangers are, as that of a normal distribution.

    Attributes:
        location: Its mean.
        spread: Its standard deviation.
    """

    location: float
    spread: float


@dataclass(frozen=True, slots=True)
class Reference:
    """
    What the shipped thresholds were measured on.

    Attributes:
        fits: Of strangers' faces to people.
        links: Of groups of two faces of different people.
        link: The mean similarity from which groups were joined there.
        people: How many people were known.
    """

    fits: Tail
    links: Tail
    link: float
    people: int


# by `measured` on a third of the people of Labeled Faces in the Wild, those with `MIN_FACES` portraits; on so many known
# people the shipped thresholds for new faces let in somewhat less than STRANGERS of the others
_ARCFACE = Reference(Tail(0.0053, 0.1137), Tail(0.0376, 0.1026), link=0.4939, people=400)
_DLIB = Reference(Tail(0.8674, 0.0240), Tail(0.8608, 0.0226), link=0.9397, people=400)


def reference_of(pack: str) -> Reference:
    """What the shipped thresholds of a pack were measured on; see `core.matching.thresholds.shipped_thresholds`."""
    return _DLIB if pack == "builtin" else _ARCFACE


@dataclass(frozen=True, slots=True)
class Chosen:
    """
    The thresholds that are calibrated; see `Thresholds`.

    Attributes:
        assign: Least fit of a new face.
        link: Least similarity of two faces to be joined by reclustering, in the reference's archive.
    """

    assign: float
    link: float


@dataclass(frozen=True, slots=True)
class Rates:
    """
    Expected errors, shares 0..1, in an archive of as many people as there are known.

    Attributes:
        strangers: Strangers' faces that are taken for somebody.
        mixed_up: Faces of known people that are taken for somebody else.
        missed: Faces of known people that are taken for nobody.
        wrong_links: Groups of two faces that are joined to a group of somebody else.
        missed_links: Pairs of groups of the same person that are not joined.
    """

    strangers: float
    mixed_up: float
    missed: float
    wrong_links: float
    missed_links: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    Attributes:
        people: Whose confirmed faces it comes from, 500 at most.
        faces: How many of them were looked at.
        known: People whom a new face is held against.
        weight: How much they count for `assign`, what is shipped having the rest, 0..1.
        present: The thresholds in use.
        calibrated: The thresholds for this archive.
        present_rates: What to expect of the former, by people held out.
        calibrated_rates: What to expect of the latter, each fold's made without the people whom it is tried on.
    """

    people: int
    faces: int
    known: int
    weight: float
    present: Chosen
    calibrated: Chosen
    present_rates: Rates
    calibrated_rates: Rates


@dataclass(frozen=True, slots=True)
class Archive:
    """
    What there is to calibrate.

    Attributes:
        shipped: The thresholds that come with the models.
        present: The thresholds in use.
        rule: How groups are joined in this archive with the shipped thresholds.
        slope: How much `rule`'s threshold rises with `Thresholds.link`.
        growth: How much further out it is for the number of faces; see `core.grouping.recluster.growth`.
        known: People whom a new face is held against.
    """

    shipped: Thresholds
    present: Thresholds
    rule: LinkRule
    slope: float
    growth: float
    known: int

    def least(self, thresholds: Thresholds) -> float:
        """The similarity from which groups are joined in this archive; what the user has set is meant as it is."""
        if thresholds.strangers is None:
            return thresholds.link
        return self.rule.threshold + (thresholds.link - self.shipped.link) * self.slope


def usable(people: Ids) -> NDArray[np.bool_]:
    """Which faces are of people with enough of them, from whose each face is."""
    _, number, counts = np.unique(people, return_inverse=True, return_counts=True)
    enough: NDArray[np.bool_] = counts[number] >= MIN_FACES
    return enough


def calibrate(
    embeddings: Embeddings, people: Ids, clusters: Ids, archive: Archive, reference: Reference
) -> Calibration:
    """
    Find thresholds, and what to expect of them.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised: confirmed faces.
        people: Whose each is; `MIN_PEOPLE` or more, each with `MIN_FACES` or more.
        clusters: The cluster of each, as a person's looks are learned cluster by cluster; -1 for none.
        archive: See there.
        reference: See there.

    Returns:
        The same for the same faces in the same order.
    """
    world = _World(embeddings, people, clusters, archive.rule)
    everybody = np.arange(world.count)
    present = Chosen(archive.present.assign, archive.present.link)
    folds = np.random.default_rng(_SEED).permutation(everybody) % FOLDS
    before, after = [], []
    for fold in range(FOLDS):
        others, held_out = everybody[folds != fold], everybody[folds == fold]
        chosen = world.choose(others, archive, reference)
        before.append(world.errors(others, held_out, archive.present, archive.least(archive.present)))
        new = replace(archive.shipped, assign=chosen.assign, link=chosen.link, margin=archive.present.margin)
        after.append(world.errors(others, held_out, new, archive.least(new)))
    return Calibration(
        people=world.count,
        faces=len(world.whose),
        known=archive.known,
        weight=world.count / (world.count + _TRUSTED),
        present=present,
        calibrated=world.choose(everybody, archive, reference),
        present_rates=_rates(before, world.count, archive.known, archive.present),
        calibrated_rates=_rates(after, world.count, archive.known, archive.shipped),
    )


def tail(values: Reals) -> Tail:
    """The upper end of some similarities of strangers, shape (n_pairs,), n_pairs >= 1."""
    near, far = np.quantile(values, [1 - _END, 1 - _FAR_END])
    normal = NormalDist()
    low, high = normal.inv_cdf(1 - _END), normal.inv_cdf(1 - _FAR_END)
    spread = max(float(far - near) / (high - low), _LEAST_SPREAD)
    return Tail(float(near) - spread * low, spread)


def measured(embeddings: Embeddings, people: Ids, rule: LinkRule) -> tuple[Tail, Tail]:
    """The two tails of `Reference`, of other people's faces; arguments as of `calibrate`."""
    world = _World(embeddings, people, np.zeros_like(people), rule)
    everybody = np.arange(world.count)
    return tail(world.strangers_fits(everybody)), tail(world.strangers_links(everybody))


class _World:
    """
    Everybody held against everybody, once.

    The rows of `fits` are faces, its columns people; people are numbered by their ids, from 0. Of very many people some
    are taken at random.
    """

    def __init__(self, embeddings: Embeddings, people: Ids, clusters: Ids, rule: LinkRule) -> None:
        random = np.random.default_rng(_SEED)
        ids = np.unique(people)
        if len(ids) > _MOST_PEOPLE:
            ids = np.sort(random.choice(ids, _MOST_PEOPLE, replace=False))
        self.count = len(ids)
        rows: list[int] = []
        learned: list[NDArray[np.bool_]] = []
        fits: list[Reals] = []
        groups: list[Sequence[int]] = []
        owners: list[int] = []
        chosen = [random.permutation(np.flatnonzero(people == person))[:_MOST_FACES] for person in ids]
        everyone = embeddings[np.concatenate(chosen)]
        for number, members in enumerate(chosen):
            enough = max(1, round(_LEARNED * len(members)))
            known, rows = members[:enough], [*rows, *members.tolist()]
            learned.append(np.arange(len(members)) < enough)
            fits.append(_fits(everyone, embeddings[_medoids(embeddings, known, clusters)]))
            pairs = members[: len(members) // 2 * 2].reshape(-1, 2)[:_MOST_GROUPS]
            groups += pairs.tolist()
            owners += [number] * len(pairs)
        self.whose = np.repeat(np.arange(self.count), [len(members) for members in chosen])
        self.learned = np.concatenate(learned)
        self.fits = np.stack(fits, axis=1)
        self.groups = np.array(owners, np.int64)
        self.links = _strengths(embeddings[np.array(groups)], rule)

    def strangers_fits(self, among: Ids) -> Reals:
        """Of these people's faces to the others of them."""
        rows = np.isin(self.whose, among)
        fits = self.fits[np.ix_(rows, among)]
        others: Reals = fits[self.whose[rows][:, np.newaxis] != among]
        return others

    def strangers_links(self, among: Ids) -> Reals:
        """Of these people's groups to the others' of them."""
        rows = np.isin(self.groups, among)
        whose = self.groups[rows]
        links: Reals = self.links[np.ix_(rows, rows)][whose[:, np.newaxis] < whose]
        return links

    def choose(self, among: Ids, archive: Archive, reference: Reference) -> Chosen:
        """Thresholds by these people."""
        count = len(among)
        normal = NormalDist()

        def rare(known: int) -> float:
            return normal.inv_cdf(1 - STRANGERS / max(known, 1))

        # as far out as the shipped one is in the reference, and further out the more people there are
        out = (archive.shipped.assign - reference.fits.location) / reference.fits.spread
        step = rare(archive.known) - rare(reference.people)
        # where there are more, the others ask more of each face already: `core.matching.assign.needed`
        out += step * (1 - COHORT_SHARE) if step > 0 else step * _CAREFUL
        own, usual = tail(self.strangers_fits(among)), reference.fits
        weight = count / (count + _TRUSTED)
        assign = weight * (own.location + own.spread * out) + (1 - weight) * (usual.location + usual.spread * out)
        # how many people there are, and how alike strangers are in general, reclustering finds out for itself
        links = tail(self.strangers_links(among))
        out = (reference.link - reference.links.location) / reference.links.spread * archive.growth
        wanted = links.location + links.spread * out
        weight = count / (count + _TRUSTED_LINKS)
        link = archive.shipped.link + weight * (wanted - archive.rule.threshold) / archive.slope
        return Chosen(float(np.clip(assign, -1, 1)), float(np.clip(link, -1, 1)))

    def errors(self, others: Ids, held_out: Ids, thresholds: Thresholds, link: float) -> _Errors:
        """What happens to the people held out; see `core.matching.assign`, and `Archive.least`."""
        theirs = np.isin(self.whose, held_out)
        let_in, _ = _accepted(self.fits[np.ix_(theirs, others)], thresholds)
        tried = theirs & ~self.learned
        taken, best = _accepted(self.fits[tried], thresholds)
        right = best == self.whose[tried]
        mine = np.isin(self.groups, held_out)
        joined = self.links[mine] >= link
        same = self.groups[mine][:, np.newaxis] == self.groups
        itself = np.flatnonzero(mine)[:, np.newaxis] == np.arange(len(self.groups))
        return _Errors(
            strangers=_share(let_in),
            mixed_up=_share(taken & ~right),
            missed=_share(~taken),
            wrong_links=_share(joined[~same]),
            missed_links=_share(~joined[same & ~itself]),
        )


@dataclass(frozen=True, slots=True)
class _Share:
    part: int
    whole: int


def _share(cases: NDArray[np.bool_]) -> _Share:
    return _Share(int(np.count_nonzero(cases)), cases.size)


@dataclass(frozen=True, slots=True)
class _Errors:
    """As `Rates`, counted; wrong links by pairs of groups."""

    strangers: _Share
    mixed_up: _Share
    missed: _Share
    wrong_links: _Share
    missed_links: _Share


def _rates(folds: Sequence[_Errors], people: int, known: int, thresholds: Thresholds) -> Rates:
    # the more are known, the more is asked of each face: `core.matching.assign.needed`
    made_up_for = 0.0 if thresholds.cohort is None else COHORT_SHARE

    def share(name: str) -> float:
        shares = [getattr(errors, name) for errors in folds]
        whole = sum(one.whole for one in shares)
        return float(sum(one.part for one in shares) / whole) if whole else 0.0

    def among(rate: float, tried: float, all_: float, made_up_for: float = 0.0) -> float:
        """Of a rate among so many people, that among more or fewer: each is another chance."""
        return float(1 - (1 - rate) ** ((all_ / tried) ** (1 - made_up_for)))

    return Rates(
        strangers=among(share("strangers"), people * (1 - 1 / FOLDS), known, made_up_for),
        mixed_up=among(share("mixed_up"), people - 1, max(known - 1, 0), made_up_for),
        missed=share("missed"),
        wrong_links=among(share("wrong_links"), 1, max(known - 1, 0)),
        missed_links=share("missed_links"),
    )


def _medoids(embeddings: Embeddings, known: Ids, clusters: Ids) -> Ids:
    """Who stands for a person with these faces."""
    found: list[int] = []
    for cluster in np.unique(clusters[known]):
        members = np.sort(known[clusters[known] == cluster])
        found += members[medoids(embeddings[members], NEAREST)].tolist()
    return np.array(found, np.int64)


def _fits(faces: Embeddings, theirs: Embeddings) -> Reals:
    """How well faces fit one person; see `core.matching.assign`."""
    similarities = (faces @ theirs.T).astype(np.float64)
    alike = (theirs @ theirs.T).astype(np.float64)
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :NEAREST]
    lengths = np.sqrt(alike[nearest[:, :, np.newaxis], nearest[:, np.newaxis]].sum(axis=(1, 2)))
    fits: Reals = np.take_along_axis(similarities, nearest, axis=1).sum(axis=1) / np.maximum(lengths, 1e-9)
    return fits


def _strengths(groups: NDArray[np.float32], rule: LinkRule) -> Reals:
    """
    What is to reach the threshold for two groups to be joined, as in `core.grouping.clusters`.

    Args:
        groups: float32, shape (n_groups, size, dim).
        rule: See there.

    Returns:
        Shape (n_groups, n_groups).
    """
    size = groups.shape[1]
    means = groups.astype(np.float64).mean(axis=1)
    strengths: Reals = means @ means.T
    tightness = np.diagonal(strengths).copy()
    strengths /= np.maximum(np.outer(tightness, tightness), 1e-9) ** (rule.loose / 2)
    strengths += rule.large * (1 - 1 / size)
    return strengths


def _accepted(fits: Reals, thresholds: Thresholds) -> tuple[NDArray[np.bool_], Ids]:
    """Which faces are taken for somebody, and who fits each best."""
    best = np.argmax(fits, axis=1)
    ranked = np.sort(fits, axis=1)[:, ::-1]
    first, second = ranked[:, :2].T
    taken: NDArray[np.bool_] = (first >= needed(ranked, thresholds)) & (first - second >= thresholds.margin)
    return taken, best
