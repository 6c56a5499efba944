"""
Group all faces anew: a snapshot of the state, clusters computed from it (in a process of its own, see `isolate`), and
the result carried back: people keep their ids, what the user said binds, left-over faces go to whom they resemble, and
so do poor faces, which make no clusters.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewatchd.config import Config
from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.cohesion import incoherent
from facewatchd.core.grouping.copies import copies
from facewatchd.core.grouping.followers import followers
from facewatchd.core.grouping.identity import Word, identify
from facewatchd.core.grouping.recluster import (
    NEIGHBOURS,
    Labels,
    ReclusterSettings,
    cluster,
    comparison,
    fitted,
    usual_link,
)
from facewatchd.core.grouping.recluster import medoids as medoids_of_cluster
from facewatchd.core.grouping.suggestions import Likeness, contradicted, kept_apart, suggestions
from facewatchd.core.matching.assign import NEAREST, assign_photo, look
from facewatchd.core.matching.gallery_index import GalleryIndex
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.domain import Assignment, ConstraintKind, Embeddings, FaceId, PersonId
from facewatchd.neighbours.keep import neighbours_of
from facewatchd.pipeline.grouping.again import Again
from facewatchd.store import FaceTable, LastRecluster, Store

EXACT_FACES = 10_000
"""
Up to so many faces everybody is compared with everybody, which takes a second and needs no file. From there on the graph
of neighbours is kept: at 20,000 the one takes four times as long as the other, at 100,000 twenty times.
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    Everything that the clusters are computed from.

    Attributes:
        folder: Of the state, where the embeddings are, and the graph of neighbours.
        model_id: Whose embeddings are meant.
        faces: int64, shape (n_faces,), ids of the faces fit to be grouped, ascending; of copies of a picture the first.
        ties: What must stay apart, face by face.
        settings: Of the clusters.
        keep: Whether the graph of neighbours may be written down.
    """

    folder: Path
    model_id: str
    faces: NDArray[np.int64]
    ties: Ties
    settings: ReclusterSettings
    keep: bool


@dataclass(frozen=True, slots=True)
class Regrouping:
    """
    What a reclustering comes to; negative person ids are new people.

    Attributes:
        assignments: Of every face of the snapshot, and of the poor ones.
        clusters: Face -> cluster, for the faces that are in one.
        medoids: Person -> the faces that stand for them, up to `NEAREST` a cluster.
        before: Face -> person so far, 0 for the unknown pool.
        incoherent: Clusters that are nobody, as their faces do not fit together; they are not among `clusters`.
        suggestions: People who may be one.
        poor: Which of the faces are.
    """

    assignments: Mapping[FaceId, Assignment]
    clusters: Mapping[FaceId, int]
    medoids: Mapping[PersonId, tuple[FaceId, ...]]
    before: Mapping[FaceId, PersonId]
    incoherent: int = 0
    suggestions: Sequence[Likeness] = ()
    poor: AbstractSet[FaceId] = frozenset()

    @property
    def faces(self) -> int:
        """Those that were grouped: not the poor ones."""
        return len(self.assignments) - len(self.poor)

    @property
    def people(self) -> int:
        """People with at least one face."""
        return len({a.person_id for a in self.assignments.values() if a.person_id is not None})

    @property
    def new_people(self) -> int:
        return sum(1 for person in self.medoids if person < 0)

    @property
    def moved(self) -> int:
        """Faces that were somebody's and are somebody else's, or nobody's, now."""
        return sum(1 for face, person in self.before.items() if person and self.assignments[face].person_id != person)

    @property
    def unknown(self) -> int:
        """Faces of nobody; poor ones are not looked for."""
        return sum(1 for face, a in self.assignments.items() if a.person_id is None and face not in self.poor)


def regroup_settings(config: Config, thresholds: Thresholds) -> ReclusterSettings:
    return ReclusterSettings(
        min_faces=config.people.min_faces,
        min_samples=config.recluster.min_samples,
        link=thresholds.link,
        bonus=thresholds.bonus,
        loose=thresholds.loose,
        large=thresholds.large,
        strangers=thresholds.strangers,
        faces=thresholds.faces,
        spreads=thresholds.spreads,
        allow_same_photo=thresholds.allow_same_photo,
    )


def take_snapshot(store: Store, model_id: str, settings: ReclusterSettings, *, keep: bool = True) -> Snapshot:
    faces, photos, people = store.faces.good_ids(model_id)
    single = ~np.isin(faces, list(copies(store.faces.pictured(model_id))))
    faces, photos, people = faces[single], photos[single], people[single]
    word = _word(store)
    refused: dict[FaceId, set[PersonId]] = defaultdict(set)
    for face, person in word.refused:
        refused[face].add(person)
    now = {face: person for face, person in zip(faces.tolist(), people.tolist(), strict=True) if person}
    owners = kept_apart(now, word.refused) | dict(word.confirmed)
    ties = Ties(
        settings.apart_by(faces, photos),
        [owners.get(face) for face in faces.tolist()],
        [frozenset(refused.get(face, ())) for face in faces.tolist()],
    )
    return Snapshot(store.path.parent, model_id, faces, ties, settings, keep)


def compute(snapshot: Snapshot) -> Labels:
    """
    The clusters, face by face of the snapshot; -1 too for faces that went since. All the time and memory go here: it is
    for a process of its own, which reads the embeddings itself.
    """
    with Store(snapshot.folder, read_only=True) as store:
        faces, vectors = store.faces.vectors(snapshot.model_id, snapshot.faces, halved_from=EXACT_FACES)
    rows = np.searchsorted(snapshot.faces, faces)
    settings, graph = snapshot.settings, None
    if len(faces) > EXACT_FACES:
        similar = usual_link(settings, len(faces))
        graph = neighbours_of(
            snapshot.folder, snapshot.model_id, faces, vectors, NEIGHBOURS, similar, keep=snapshot.keep
        )
    ties = snapshot.ties
    if len(rows) < len(snapshot.faces):
        ties = Ties(ties.photo[rows], [ties.owner[row] for row in rows], [ties.refused[row] for row in rows])
    labels = np.full(len(snapshot.faces), -1, np.int64)
    labels[rows] = cluster(vectors, ties, settings, graph)
    return labels


def decide(store: Store, snapshot: Snapshot, labels: Labels, thresholds: Thresholds) -> Regrouping:
    """Turn clusters into people, by what the state says now: people may have been merged, photos deleted meanwhile."""
    good, poor = (
        replace(table, photos=snapshot.settings.apart_by(table.faces, table.photos))
        for table in (store.faces.good(snapshot.model_id), store.faces.poor(snapshot.model_id))
    )
    again = Again.of(copies(store.faces.pictured(snapshot.model_id)), good, poor)
    good = good.only(np.isin(good.faces, snapshot.faces) & ~np.isin(good.faces, list(again.first)))
    poor = poor.only(~np.isin(poor.faces, list(again.first)))
    table = FaceTable.joined([good, poor])
    labels = np.concatenate(
        [labels[np.searchsorted(snapshot.faces, good.faces)], np.full(len(poor.faces), -1, np.int64)]
    )
    faces, photos = table.faces.tolist(), table.photos.tolist()
    now = dict(zip(faces, table.people.tolist(), strict=True))
    word = _word(store)
    before = {face: person for face, person in now.items() if person}
    # the user's word outweighs what the faces look like, also that somebody is not to be seen
    spoken_of = {*word.named, *word.hidden, *word.confirmed.values()}
    owners = {face: person for face, person in before.items() if person in spoken_of} | dict(word.confirmed)
    whose = np.array([owners.get(face, 0) for face in faces], np.int64)
    left_out = _left_out(table.embeddings, labels, whose, len(good.faces), snapshot.settings, thresholds)
    labels = np.where(np.isin(labels, left_out), -1, labels)
    identities = identify(faces, photos, labels.tolist(), before, word)
    row_of = {face: row for row, face in enumerate(faces)}
    bad = frozenset(poor.faces.tolist())
    leading = {face: person for face, person in identities.person_of.items() if face not in bad}
    groups = _groups(leading, dict(zip(faces, labels.tolist(), strict=True)), identities.clusters_of)
    medoids = {
        person: tuple(
            members[at]
            for members in clusters
            for at in medoids_of_cluster(table.embeddings[[row_of[face] for face in members]], NEAREST)
        )
        for person, clusters in groups.items()
    }
    gallery = _gallery(table, row_of, medoids)
    assignments = _assignments(table, identities.person_of, bad, gallery, word, thresholds)
    clusters = {face: label for face, label in zip(faces, labels.tolist(), strict=True) if label >= 0}
    alike = _suggestions(snapshot, table, labels, groups, row_of, word, thresholds, len(good.faces))
    assignments, clusters = again.join(assignments, clusters)
    now.update({face: again.now[face] for face in again.first if face in assignments})
    bad |= again.poor & assignments.keys()
    return Regrouping(assignments, clusters, medoids, now, len(left_out), alike, bad)


def _left_out(
    embeddings: Embeddings,
    labels: Labels,
    whose: NDArray[np.int64],
    good: int,
    settings: ReclusterSettings,
    thresholds: Thresholds,
) -> list[int]:
    """The clusters of faces that do not fit together, compared as they were grouped; `good` faces come first."""
    if settings.spreads is None or not good:
        return incoherent(embeddings, labels, thresholds.coherent, whose)
    compared = comparison(embeddings[:good], labels[:good], settings)
    least = compared.mean + settings.spreads.coherent * (compared.rule.threshold - compared.mean)
    return incoherent(embeddings, labels, least, whose, compared.common)


def apply(store: Store, regrouping: Regrouping, at: float, seconds: float) -> None:
    """Store a reclustering, all or nothing. People and faces that are not in it stay as they are."""
    with store.transaction():
        ids = add_people(store, regrouping)
        store.faces.regroup(regrouping.clusters)
        store.reviews.suggest(
            replace(like, one=ids.get(like.one, like.one), other=ids.get(like.other, like.other))
            for like in regrouping.suggestions
        )
        store.set_last_recluster(LastRecluster(at, seconds, regrouping.faces, regrouping.people))


def add_people(store: Store, regrouping: Regrouping) -> dict[PersonId, PersonId]:
    """Store whose the faces of a reclustering are; returns the ids that new people got."""
    with store.transaction():
        ids = {person: store.people.add() for person in sorted(regrouping.medoids, reverse=True) if person < 0}
        # people whose photos are away keep theirs, so that new photos find them
        store.medoids.regroup(
            regrouping.assignments.keys(), {ids.get(p, p): faces for p, faces in regrouping.medoids.items()}
        )
        store.faces.assign(
            {
                face: replace(a, person_id=_id(ids, a.person_id), review=_id(ids, a.review))
                for face, a in regrouping.assignments.items()
            }
        )
        return ids


def _id(ids: Mapping[PersonId, PersonId], person: PersonId | None) -> PersonId | None:
    """The id that the store gave to a new person; everybody else's is their own."""
    return None if person is None else ids.get(person, person)


def _word(store: Store) -> Word:
    said = store.people.constraints()
    return Word(
        confirmed={word.face_id: word.person_id for word in said if word.kind is ConstraintKind.MUST_BE},
        refused={(word.face_id, word.person_id) for word in said if word.kind is ConstraintKind.CANNOT_BE},
        named=frozenset(person.person_id for person in store.people.named()),
        founded=store.people.founded(),
        hidden=store.people.hidden(),
    )


def _groups(
    person_of: Mapping[FaceId, PersonId],
    label_of: Mapping[FaceId, int],
    clusters_of: Mapping[PersonId, tuple[int, ...]],
) -> dict[PersonId, list[list[FaceId]]]:
    """Each person's faces, cluster by cluster; in one group where none of their clusters is left."""
    by_cluster: dict[PersonId, dict[int, list[FaceId]]] = defaultdict(lambda: defaultdict(list))
    for face, person in sorted(person_of.items()):
        label = label_of[face]
        by_cluster[person][label if label in clusters_of.get(person, ()) else -1].append(face)
    groups = {}
    for person in sorted(by_cluster):
        clusters = by_cluster[person]
        groups[person] = [clusters[label] for label in sorted(clusters) if label >= 0] or [clusters[-1]]
    return groups


def _gallery(
    table: FaceTable, row_of: Mapping[FaceId, int], medoids: Mapping[PersonId, tuple[FaceId, ...]]
) -> GalleryIndex:
    pairs = [(person, row_of[face]) for person, faces in medoids.items() for face in faces]
    return GalleryIndex(
        np.array([person for person, _ in pairs], np.int64), table.embeddings[[row for _, row in pairs]]
    )


def _suggestions(
    snapshot: Snapshot,
    table: FaceTable,
    labels: Labels,
    groups: Mapping[PersonId, Sequence[Sequence[FaceId]]],
    row_of: Mapping[FaceId, int],
    word: Word,
    thresholds: Thresholds,
    good: int,
) -> list[Likeness]:
    """Who may be one person; so many of the table's first rows are of good faces. Nobody is asked about who is hidden."""
    groups = {person: clusters for person, clusters in groups.items() if person not in word.hidden}
    rows = {person: [[row_of[face] for face in cluster] for cluster in clusters] for person, clusters in groups.items()}
    person_of = {face: person for person, clusters in groups.items() for cluster in clusters for face in cluster}
    return suggestions(
        {person: [table.embeddings[cluster] for cluster in clusters] for person, clusters in rows.items()},
        {person: frozenset(table.photos[list(chain(*clusters))].tolist()) for person, clusters in rows.items()},
        fitted(snapshot.settings, table.embeddings[:good], labels[:good]),
        thresholds.suggest,
        contradicted(person_of, word.refused),
        word.named,
    )


def _assignments(
    table: FaceTable,
    person_of: Mapping[FaceId, PersonId],
    poor: AbstractSet[FaceId],
    gallery: GalleryIndex,
    word: Word,
    thresholds: Thresholds,
) -> dict[FaceId, Assignment]:
    """
    Everyone's faces with their similarity; the left-over ones, photo by photo, to whom they resemble, the good ones of
    a photo first.
    """
    medoids_of: dict[PersonId, list[int]] = defaultdict(list)
    for row, person in enumerate(gallery.people.tolist()):
        medoids_of[person].append(row)
    assignments: dict[FaceId, Assignment] = {}
    left: dict[tuple[bool, int], list[int]] = defaultdict(list)
    present: dict[int, set[PersonId]] = defaultdict(set)
    for row, (face, photo) in enumerate(zip(table.faces.tolist(), table.photos.tolist(), strict=True)):
        person = person_of.get(face)
        if person is None:
            left[face in poor, photo].append(row)
        else:
            # whom the user made of poor faces alone has no medoid
            near = gallery.medoids[medoids_of[person]] @ table.embeddings[row]
            similarity = float(near.max(initial=-np.inf))
            assignments[face] = Assignment(person, similarity, float("nan"))
            present[photo].add(person)
    refused: dict[FaceId, set[PersonId]] = defaultdict(set)
    for face, person in word.refused:
        refused[face].add(person)
    wanted: dict[FaceId, Assignment] = {}
    photos = sorted(left.items())
    looks = look(table.embeddings, gallery, list(chain.from_iterable(rows for _, rows in photos)))
    for (is_poor, photo), rows in photos:
        faces = table.faces[rows].tolist()
        found = assign_photo(
            list(islice(looks, len(rows))),
            thresholds,
            [frozenset(refused.get(face, ())) for face in faces],
            frozenset(present[photo]),
        )
        (wanted if is_poor else assignments).update(zip(faces, found, strict=True))
        present[photo] |= {a.person_id for a in found if a.person_id is not None}
    leading = Counter(a.person_id for face, a in assignments.items() if face not in poor and a.person_id is not None)
    joining = followers({face: a.person_id for face, a in wanted.items() if a.person_id is not None}, leading)
    for face, a in wanted.items():
        assignments[face] = replace(a, person_id=joining.get(face), review=None)
    return assignments
