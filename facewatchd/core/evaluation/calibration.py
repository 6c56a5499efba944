"""
Thresholds for this archive, from the people that its user confirmed.

The shipped thresholds were measured on some hundred other people. How similar two strangers are depends on who they are
(relatives). How often one is taken for another depends on how many people there are. Confirmed faces show both: the faces of
any two people are impostor pairs.

The threshold is a similarity that an impostor reaches once in thousands of pairs, and there are never so many pairs. So it is
extrapolated: the upper tail of the impostor scores is taken for that of a normal distribution. Reclustering follows its archive
in the same way (`core.grouping.recluster.fitted`). The weight of the result grows with the number of people (shrinkage); the
shipped threshold has the rest. The errors are measured on people who had no part in it (k-fold, by people).
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
People needed. On LFW the threshold for new faces from 20 people is off by 0.05 (test pack; standard deviation), as much as 50
known people more or less make. With its weight 0.02 remain. 30 people are off by 0.03, 100 by 0.01.
"""
MIN_FACES = 4
"""Confirmed faces that each of them needs: two groups of two, or three to learn and one to test."""

FOLDS = 5
STRANGERS = 0.005
"""Wanted false accept rate: the share of strangers who are taken for a known person."""

_SEED = 0
# number of people with the same weight as the shipped threshold; groups of faces are fewer, and reclustering itself follows
# its archive
_TRUSTED, _TRUSTED_LINKS = 30, 100
# faces of a person that are used: enough to know them, and the same limit for everybody
_MOST_FACES = 20
# ... and people: everybody is compared with everybody, which takes gigabytes for 2,000; see `MIN_PEOPLE` for the gain
_MOST_PEOPLE = 500
_LEARNED = 0.7
# groups of two faces that are made from the faces of a person
_MOST_GROUPS = 4
# the upper tail is fitted to two values: the shares of pairs above them
_END, _FAR_END = 0.05, 0.00625
# how far the threshold for new faces follows if there are fewer people than in the reference: 1 would be right for ArcFace,
# and too far for dlib's ResNet, which has another upper tail than a normal distribution
_CAREFUL = 0.7
# a smaller spread is not believed: all impostor pairs would be equally similar
_LEAST_SPREAD = 1e-4


@dataclass(frozen=True, slots=True)
class Tail:
    """
    The upper tail of impostor scores, as that of a normal distribution.

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
        fits: The tail of the fits of strangers' faces to people.
        links: The tail of the similarities of groups of two faces of different people.
        link: The mean similarity from which groups were joined.
        people: How many people were known.
    """

    fits: Tail
    links: Tail
    link: float
    people: int


# by `measured` on a third of the people of Labeled Faces in the Wild, those with `MIN_FACES` portraits; with so many known
# people the shipped thresholds for new faces accept somewhat fewer than STRANGERS of the others
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
        strangers: Faces of strangers that are assigned to a known person.
        mixed_up: Faces of known people that are assigned to another person.
        missed: Faces of known people that stay unassigned.
        wrong_links: Groups of two faces that are joined to a group of another person.
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
        people: How many people with confirmed faces were used, 500 at most.
        faces: How many faces of them were used.
        known: People that a new face is compared with.
        weight: Their weight in `assign`, 0..1. The shipped threshold has the rest.
        present: The thresholds in use.
        calibrated: The thresholds for this archive.
        present_rates: The expected errors of the present ones, measured on people held out.
        calibrated_rates: The expected errors of the calibrated ones. Each fold is made without the people of its test.
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
    The archive to calibrate.

    Attributes:
        shipped: The thresholds that come with the models.
        present: The thresholds in use.
        rule: How groups are joined in this archive with the shipped thresholds.
        slope: How much `rule`'s threshold rises with `Thresholds.link`.
        growth: How much higher it is for the number of faces; see `core.grouping.recluster.growth`.
        known: People that a new face is compared with.
    """

    shipped: Thresholds
    present: Thresholds
    rule: LinkRule
    slope: float
    growth: float
    known: int

    def least(self, thresholds: Thresholds) -> float:
        """The similarity from which groups are joined in this archive. A value that the user has set is used as it is."""
        if thresholds.strangers is None:
            return thresholds.link
        return self.rule.threshold + (thresholds.link - self.shipped.link) * self.slope


def usable(people: Ids) -> NDArray[np.bool_]:
    """The mask of the faces of people with enough faces, from the person of each face."""
    _, number, counts = np.unique(people, return_inverse=True, return_counts=True)
    enough: NDArray[np.bool_] = counts[number] >= MIN_FACES
    return enough


def calibrate(
    embeddings: Embeddings, people: Ids, clusters: Ids, archive: Archive, reference: Reference
) -> Calibration:
    """
    Find thresholds, and the errors to expect of them.

    Args:
        embeddings: float32, shape (n_faces, dim), L2-normalised: confirmed faces.
        people: The person of each face. `MIN_PEOPLE` or more, each with `MIN_FACES` or more.
        clusters: The cluster of each face, -1 for none. A person is learned cluster by cluster.
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
    """The upper tail of the similarities of impostor pairs, shape (n_pairs,), n_pairs >= 1."""
    near, far = np.quantile(values, [1 - _END, 1 - _FAR_END])
    normal = NormalDist()
    low, high = normal.inv_cdf(1 - _END), normal.inv_cdf(1 - _FAR_END)
    spread = max(float(far - near) / (high - low), _LEAST_SPREAD)
    return Tail(float(near) - spread * low, spread)


def measured(embeddings: Embeddings, people: Ids, rule: LinkRule) -> tuple[Tail, Tail]:
    """The two tails of `Reference`, measured on these faces. Arguments as in `calibrate`."""
    world = _World(embeddings, people, np.zeros_like(people), rule)
    everybody = np.arange(world.count)
    return tail(world.strangers_fits(everybody)), tail(world.strangers_links(everybody))


class _World:
    """
    Everybody compared with everybody, once.

    The rows of `fits` are faces, its columns are people. People are numbered from 0, in the order of their ids. From very
    many people some are taken at random.
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
        """The fits of these people's faces to the others of these people."""
        rows = np.isin(self.whose, among)
        fits = self.fits[np.ix_(rows, among)]
        others: Reals = fits[self.whose[rows][:, np.newaxis] != among]
        return others

    def strangers_links(self, among: Ids) -> Reals:
        """The similarities of these people's groups to groups of the others."""
        rows = np.isin(self.groups, among)
        whose = self.groups[rows]
        links: Reals = self.links[np.ix_(rows, rows)][whose[:, np.newaxis] < whose]
        return links

    def choose(self, among: Ids, archive: Archive, reference: Reference) -> Chosen:
        """Thresholds from these people."""
        count = len(among)
        normal = NormalDist()

        def rare(known: int) -> float:
            return normal.inv_cdf(1 - STRANGERS / max(known, 1))

        # as far out in the tail as the shipped one is in the reference, and further out for more people
        out = (archive.shipped.assign - reference.fits.location) / reference.fits.spread
        step = rare(archive.known) - rare(reference.people)
        # with more people the cohort raises the threshold of each face already: `core.matching.assign.needed`
        out += step * (1 - COHORT_SHARE) if step > 0 else step * _CAREFUL
        own, usual = tail(self.strangers_fits(among)), reference.fits
        weight = count / (count + _TRUSTED)
        assign = weight * (own.location + own.spread * out) + (1 - weight) * (usual.location + usual.spread * out)
        # reclustering itself measures how many people there are, and how similar impostor pairs are in general
        links = tail(self.strangers_links(among))
        out = (reference.link - reference.links.location) / reference.links.spread * archive.growth
        wanted = links.location + links.spread * out
        weight = count / (count + _TRUSTED_LINKS)
        link = archive.shipped.link + weight * (wanted - archive.rule.threshold) / archive.slope
        return Chosen(float(np.clip(assign, -1, 1)), float(np.clip(link, -1, 1)))

    def errors(self, others: Ids, held_out: Ids, thresholds: Thresholds, link: float) -> _Errors:
        """The results for the people held out; see `core.matching.assign`, and `Archive.least`."""
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
    # more known people raise the threshold of each face: `core.matching.assign.needed`
    made_up_for = 0.0 if thresholds.cohort is None else COHORT_SHARE

    def share(name: str) -> float:
        shares = [getattr(errors, name) for errors in folds]
        whole = sum(one.whole for one in shares)
        return float(sum(one.part for one in shares) / whole) if whole else 0.0

    def among(rate: float, tried: float, all_: float, made_up_for: float = 0.0) -> float:
        """A rate among so many people, converted to more or fewer people: each person is another chance."""
        return float(1 - (1 - rate) ** ((all_ / tried) ** (1 - made_up_for)))

    return Rates(
        strangers=among(share("strangers"), people * (1 - 1 / FOLDS), known, made_up_for),
        mixed_up=among(share("mixed_up"), people - 1, max(known - 1, 0), made_up_for),
        missed=share("missed"),
        wrong_links=among(share("wrong_links"), 1, max(known - 1, 0)),
        missed_links=share("missed_links"),
    )


def _medoids(embeddings: Embeddings, known: Ids, clusters: Ids) -> Ids:
    """The medoids of a person with these faces."""
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
    The value that must reach the threshold to join two groups, as in `core.grouping.clusters`.

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
    """Which faces are assigned, and the best person for each."""
    best = np.argmax(fits, axis=1)
    ranked = np.sort(fits, axis=1)[:, ::-1]
    first, second = ranked[:, :2].T
    taken: NDArray[np.bool_] = (first >= needed(ranked, thresholds)) & (first - second >= thresholds.margin)
    return taken, best
