"""Reclustering proposes, people keep their ids, and the user's word binds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facewatchd.core.grouping.identity import NEW_PEOPLE_FROM, Identities, Word, identify
from facewatchd.domain import FaceId, PersonId

SILENCE = Word({}, frozenset(), frozenset())


def word(
    confirmed: Mapping[FaceId, PersonId] | None = None,
    refused: Sequence[tuple[FaceId, PersonId]] = (),
    named: Sequence[PersonId] = (),
    founded: Sequence[PersonId] = (),
) -> Word:
    return Word(confirmed or {}, frozenset(refused), frozenset(named), frozenset(founded))


def people(
    clusters: Sequence[Sequence[FaceId]],
    before: Mapping[FaceId, PersonId] | None = None,
    said: Word = SILENCE,
    *,
    alone: Sequence[FaceId] = (),
    photos: Mapping[FaceId, int] | None = None,
) -> Identities:
    """Who is who when faces are in these clusters, or alone; each in a photo of its own unless `photos` says where."""
    faces = [face for cluster in clusters for face in cluster] + list(alone)
    labels = [label for label, cluster in enumerate(clusters) for _ in cluster] + [-1] * len(alone)
    return identify(faces, [(photos or {}).get(face, 1000 + face) for face in faces], labels, before or {}, said)


# --- tables: one rule each -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clusters", "before", "said", "expected"),
    [
        pytest.param([[1, 2], [3, 4]], {}, SILENCE, {1: -1, 2: -1, 3: -2, 4: -2}, id="new people, by first face"),
        pytest.param([[3, 4], [1, 2]], {}, SILENCE, {1: -1, 2: -1, 3: -2, 4: -2}, id="... whatever the labels"),
        pytest.param([[1, 2, 3]], {1: 5, 2: 5}, SILENCE, {1: 5, 2: 5, 3: 5}, id="a person grows and keeps the id"),
        pytest.param(
            [[1, 2, 3], [4, 5]],
            {1: 5, 2: 5, 3: 5, 4: 5, 5: 5},
            SILENCE,
            {1: 5, 2: 5, 3: 5, 4: -1, 5: -1},
            id="a person splits: the larger part keeps the id",
        ),
        pytest.param(
            [[1, 2, 3]], {1: 5, 2: 6, 3: 6}, SILENCE, {1: 6, 2: 6, 3: 6}, id="two melt: the larger one keeps the id"
        ),
        pytest.param([[1, 2]], {1: 6, 2: 5}, SILENCE, {1: 5, 2: 5}, id="of equals the older person"),
        pytest.param(
            [[1, 2, 3], [4, 5, 6]],
            {1: 5, 2: 5, 3: 6, 4: 5, 5: 6, 6: 6},
            SILENCE,
            {1: 5, 2: 5, 3: 5, 4: 6, 5: 6, 6: 6},
            id="two exchange a face",
        ),
        pytest.param(
            [[1, 2, 3, 4]],
            {1: 5, 2: 6, 3: 6, 4: 6},
            word(named=[5]),
            {1: 5, 2: 5, 3: 5, 4: 5},
            id="a small named person and a large unnamed one melt: the name stays",
        ),
        pytest.param(
            [[1, 2, 3], [4, 5, 6]],
            {1: 5, 2: 5, 3: 5, 4: 5, 5: 6, 6: 6},
            word(named=[5]),
            {1: 5, 2: 5, 3: 5, 4: 6, 5: 6, 6: 6},
            id="a named person who strays takes nobody else's cluster along",
        ),
        pytest.param(
            [[1, 2], [4, 5, 6]],
            {1: 5, 2: 5, 4: 5, 5: 6, 6: 6},
            word({1: 5}, named=[5]),
            {1: 5, 2: 5, 4: 6, 5: 6, 6: 6},
            id="... with a confirmed cluster neither",
        ),
        pytest.param(
            [[1, 2, 3]],
            {1: 5, 2: 6, 3: 6},
            word({1: 5}),
            {1: 5, 2: 6, 3: 6},
            id="one corrected face does not take a cluster along",
        ),
        pytest.param(
            [[1, 2, 3, 4]],
            {1: 5, 2: 6, 3: 6},
            word({1: 5, 4: 5}),
            {1: 5, 2: 5, 3: 5, 4: 5},
            id="... as many as the others' do",
        ),
        pytest.param([[1, 2, 3]], {1: 5}, word({1: 5}), {1: 5, 2: 5, 3: 5}, id="a confirmed face and new ones"),
        pytest.param(
            [[1, 2, 3, 4]],
            {1: 5, 2: 6, 3: 6, 4: 6},
            word({1: 5}, named=[5]),
            {1: 5, 2: 6, 3: 6, 4: 6},
            id="... nor for a name's sake, as the confirmed face keeps it alive",
        ),
        pytest.param(
            [[1, 2, 3]],
            {},
            word({1: 5, 2: 6, 3: 6}),
            {1: 5, 2: 6, 3: 6},
            id="confirmed faces are their person's in whatever cluster",
        ),
        pytest.param([[1, 2], [3, 4]], {}, word({1: 5, 3: 5}), {1: 5, 2: 5, 3: 5, 4: 5}, id="a person of two clusters"),
        pytest.param(
            [[1, 2], [3, 4]],
            {1: 5, 2: 5, 3: 5, 4: 5},
            word({1: 5}),
            {1: 5, 2: 5, 3: 5, 4: 5},
            id="... one confirmed, one by overlap",
        ),
        pytest.param(
            [[1, 2], [3, 4, 6]],
            {1: 5, 2: 5, 3: 5, 4: 5, 6: 5},
            word({1: 5}, founded=[5]),
            {1: 5, 2: 5, 3: -1, 4: -1, 6: -1},
            id="... whom the user made of faces of their choice is where those are only",
        ),
        pytest.param(
            [[1, 2], [3, 4]],
            {1: 5, 2: 5, 3: 6, 4: 6},
            word({9: 5, 3: 6, 4: 6}, founded=[5, 6]),
            {1: 5, 2: 5, 3: 6, 4: 6},
            id="... or, once they are gone, where most of their faces are",
        ),
        pytest.param(
            [[1, 2, 3, 4, 5, 6]],
            {1: 5, 2: 5},
            word(refused=[(3, 5), (4, 5), (5, 5)], named=[5]),
            {1: 5, 2: 5, 3: -1, 4: -1, 5: -1, 6: -1},
            id="a cluster of which more is refused to a person than is theirs is another's, and they keep their faces",
        ),
        pytest.param(
            [[1, 2, 3, 4, 5, 6]],
            {1: 5, 2: 5, 3: 6, 4: 6, 5: 6},
            word(refused=[(3, 5), (4, 5), (5, 5)], named=[5]),
            {1: 5, 2: 5, 3: 6, 4: 6, 5: 6, 6: 6},
            id="... also when new faces come",
        ),
        pytest.param(
            [[1, 2, 3, 4, 5, 6]],
            {1: 5, 2: 5, 3: 6, 4: 6, 5: 6},
            word({3: 6}, refused=[(3, 5), (4, 5), (5, 5)], named=[5, 6]),
            {1: 5, 2: 5, 3: 6, 4: 6, 5: 6, 6: 6},
            id="... also when the other has a confirmed face",
        ),
        pytest.param(
            [[1, 2, 3, 4, 5, 6], [7, 8]],
            {1: 5, 2: 5, 7: 5, 8: 5},
            word(refused=[(3, 5), (4, 5), (5, 5)]),
            {1: 5, 2: 5, 3: -1, 4: -1, 5: -1, 6: -1, 7: 5, 8: 5},
            id="... also where they have another cluster",
        ),
        pytest.param([[1, 2, 3]], {1: 5, 2: 5}, word(refused=[(3, 5)]), {1: 5, 2: 5}, id="a refused face is nobody's"),
        pytest.param(
            [[1, 2], [3]],
            {1: 5, 2: 5, 3: 5},
            word(refused=[(1, 5), (2, 5)]),
            {1: -1, 2: -1, 3: 5},
            id="a cluster that is refused as a whole is a new person",
        ),
    ],
)
def test_who_is_who(
    clusters: list[list[FaceId]], before: dict[FaceId, PersonId], said: Word, expected: dict[FaceId, PersonId]
) -> None:
    """Largest overlap, one to one, unless the user said otherwise."""
    assert people(clusters, before, said).person_of == expected


def test_a_named_person_without_a_cluster_keeps_the_faces_that_are_nobodys() -> None:
    """A name does not vanish because two photos are too few for a cluster; without a name the faces are unknown."""
    before = {1: 5, 2: 5, 3: 6, 4: 6}
    assert people([], before, word(named=[5]), alone=[1, 2, 3, 4]).person_of == {1: 5, 2: 5}


def test_a_named_person_with_a_cluster_keeps_no_stray_faces() -> None:
    """Faces of no cluster are left to assignment where the person does not depend on them."""
    assert people([[1, 2]], {1: 5, 2: 5, 3: 5}, word(named=[5]), alone=[3]).person_of == {1: 5, 2: 5}


def test_a_refused_face_does_not_keep_a_name_alive() -> None:
    """What the user said is not Grandma is not kept as Grandma."""
    assert people([], {1: 5}, word(refused=[(1, 5)], named=[5]), alone=[1]).person_of == {}


@pytest.mark.parametrize(
    ("confirmed", "expected"),
    [
        pytest.param({2: 5}, {2: 5, 3: 5}, id="the confirmed one stays"),
        pytest.param({1: 5, 2: 5}, {1: 5, 2: 5, 3: 5}, id="both, where the user said so (a mirror)"),
    ],
)
def test_two_faces_of_a_photo(confirmed: dict[FaceId, PersonId], expected: dict[FaceId, PersonId]) -> None:
    """Nobody is in a photo twice unless the user says so."""
    found = people([[1, 2, 3]], {1: 5, 2: 5, 3: 5}, word(confirmed), photos={1: 9, 2: 9})
    assert found.person_of == expected


def test_of_two_faces_of_a_photo_the_one_from_the_larger_cluster_stays() -> None:
    """A person with two clusters, both in one photo: the better founded face is theirs, the other is nobody's."""
    found = people([[1, 4], [2, 3, 5]], {1: 5, 2: 5, 3: 5, 4: 5, 5: 5}, word({4: 5, 3: 5}), photos={1: 9, 2: 9})
    assert found.person_of == {2: 5, 3: 5, 4: 5, 5: 5}


def test_the_twin_in_every_photo_is_a_new_person() -> None:
    """
    A cluster was the person's until the user confirmed another face in each of its photos: it is somebody else's, at
    once and not at the next reclustering.
    """
    before = {1: 5, 2: 5, 3: 5}
    photos = {1: 91, 2: 92, 3: 93, 11: 91, 12: 92, 13: 93}
    found = people([[1, 2, 3], [11, 12, 13]], before, word({11: 5, 12: 5, 13: 5}), photos=photos)
    assert found.person_of == {1: -1, 2: -1, 3: -1, 11: 5, 12: 5, 13: 5}


def test_a_confirmed_face_does_not_go_with_the_twins_to_a_new_person() -> None:
    """
    Of a cluster its person keeps no face, as a larger one has their better founded faces of the same photos: what is left
    is a new person, and not who the user said that one of them is.
    """
    before = {3: 5, 4: 5, 11: 5, 12: 5, 13: 8}
    photos = {1: 91, 2: 92, 11: 91, 12: 92}
    found = people([[1, 2, 3, 4], [11, 12, 13]], before, word({4: 5, 13: 8}), photos=photos)
    assert found.person_of == {1: 5, 2: 5, 3: 5, 4: 5, 11: -1, 12: -1, 13: 8}


def test_clusters_of_people() -> None:
    """Every cluster is somebody's, and people without one are not mentioned."""
    found = people([[1, 2], [3, 4], [5, 6]], {1: 5, 2: 5}, word({3: 5, 7: 8}), alone=[7])
    assert found.clusters_of == {5: (0, 1), -1: (2,)}
    assert found.person_of[7] == 8


def test_a_word_about_a_face_that_is_gone() -> None:
    """What was said of faces that are not clustered (their photo is gone) does no harm."""
    assert people([[1, 2]], {9: 5}, word({9: 5}, [(8, 5)], [5])).person_of == {1: -1, 2: -1}


# --- properties ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    faces: tuple[FaceId, ...]
    photos: tuple[int, ...]
    labels: tuple[int, ...]
    before: dict[FaceId, PersonId]
    word: Word

    def identify(self) -> Identities:
        return identify(self.faces, self.photos, self.labels, self.before, self.word)


@st.composite
def situations(draw: st.DrawFn, *, consistent: bool = False) -> Situation:
    """
    Anything that may come, or (consistent) what reclustering itself makes: no cluster with two faces of a photo, and
    nobody now who the user said it is not.
    """
    count = draw(st.integers(1, 12))
    some_people = st.integers(1, 4)
    some_faces = st.integers(1, count)
    # as lists of one length, which are drawn much faster than face by face
    rows = st.lists(st.tuples(some_faces, st.integers(-1, 3), st.integers(0, 4)), min_size=count, max_size=count)
    photos, labels, now = (list(column) for column in zip(*draw(rows), strict=True))
    faces = tuple(range(count, 0, -1) if draw(st.booleans()) else range(1, count + 1))
    before = {face: person for face, person in zip(faces, now, strict=True) if person}
    confirmed = draw(st.dictionaries(some_faces, some_people, max_size=3))
    refused = draw(st.sets(st.tuples(some_faces, some_people), max_size=4))
    refused = {(face, person) for face, person in refused if confirmed.get(face) != person}
    named, founded = draw(st.sets(some_people, max_size=3)), draw(st.sets(some_people, max_size=2))
    if consistent:
        before = {face: person for face, person in before.items() if (face, person) not in refused} | confirmed
        seen = set()
        for at, key in enumerate(zip(photos, labels, strict=True)):
            labels[at] = -1 if key in seen else labels[at]
            seen.add(key)
    return Situation(faces, tuple(photos), tuple(labels), before, Word(confirmed, refused, named, founded))


@settings(max_examples=150)
@given(situation=situations())
def test_the_users_word_binds(situation: Situation) -> None:
    """Confirmed faces are their person's, refused ones are not, and nobody is in a photo twice unless confirmed."""
    found = situation.identify()
    for face, person in situation.word.confirmed.items():
        assert found.person_of[face] == person
    for face, person in situation.word.refused:
        assert found.person_of.get(face) != person
    together = defaultdict(list)
    for face, photo in zip(situation.faces, situation.photos, strict=True):
        if face in found.person_of:
            together[photo, found.person_of[face]].append(face)
    for twins in together.values():
        assert len(twins) == 1 or all(face in situation.word.confirmed for face in twins)


@settings(max_examples=150)
@given(situation=situations())
def test_names_live_and_people_are_known(situation: Situation) -> None:
    """
    A named person vanishes only where each of their faces is somebody else's or refused; new people are numbered
    without gaps, have faces, and everybody else was known before.
    """
    found = situation.identify()
    present = set(found.person_of.values())
    for face, person in situation.before.items():
        if person in situation.word.named and (face, person) not in situation.word.refused:
            assert face in found.person_of or person in present
    new = sorted((person for person in present if person < 0), reverse=True)
    assert new == [NEW_PEOPLE_FROM - number for number in range(len(new))]
    assert present - set(new) <= set(situation.before.values()) | set(situation.word.confirmed.values())


@settings(max_examples=150)
@given(situation=situations())
def test_clusters_have_owners_who_have_faces_in_them(situation: Situation) -> None:
    """Every cluster is one person's, who has a face in it; by overlap a person gets one cluster at most."""
    found = situation.identify()
    labels = [label for clusters in found.clusters_of.values() for label in clusters]
    assert sorted(labels) == sorted({label for label in situation.labels if label >= 0})
    members = defaultdict(list)
    for face, label in zip(situation.faces, situation.labels, strict=True):
        members[label].append(face)
    for person, clusters in found.clusters_of.items():
        assert list(clusters) == sorted(clusters)
        assert all(any(found.person_of.get(face) == person for face in members[label]) for label in clusters)
        unclaimed = [
            label for label in clusters if not any(face in situation.word.confirmed for face in members[label])
        ]
        assert len(unclaimed) <= 1


@settings(max_examples=100)
@given(situation=situations(), data=st.data())
def test_order_does_not_matter(situation: Situation, data: st.DataObject) -> None:
    """Faces may come in any order, and mappings be filled in any."""
    order = data.draw(st.permutations(range(len(situation.faces))))
    shuffled = Situation(
        tuple(situation.faces[at] for at in order),
        tuple(situation.photos[at] for at in order),
        tuple(situation.labels[at] for at in order),
        dict(data.draw(st.permutations(list(situation.before.items())))),
        Word(
            dict(data.draw(st.permutations(list(situation.word.confirmed.items())))),
            situation.word.refused,
            situation.word.named,
            situation.word.founded,
        ),
    )
    assert shuffled.identify() == situation.identify()


@settings(max_examples=100)
@given(situation=situations(), data=st.data())
def test_what_clusters_are_called_does_not_matter(situation: Situation, data: st.DataObject) -> None:
    """Other labels for the same clusters give the same people."""
    names = data.draw(st.permutations(range(4)))
    renamed = tuple(names[label] if label >= 0 else -1 for label in situation.labels)
    other = Situation(situation.faces, situation.photos, renamed, situation.before, situation.word)
    assert other.identify().person_of == situation.identify().person_of


def again(situation: Situation) -> tuple[dict[FaceId, PersonId], Mapping[FaceId, PersonId]]:
    """Who is who after one reclustering, with the ids that the store gives to new people; and after the same again."""
    first = {face: person if person > 0 else 100 - person for face, person in situation.identify().person_of.items()}
    second = Situation(situation.faces, situation.photos, situation.labels, first, situation.word)
    return first, second.identify().person_of


@settings(max_examples=300)
@given(situation=situations(consistent=True))
def test_the_same_clusters_again_change_nothing(situation: Situation) -> None:
    """Reclustering with the identical result is a fixed point: nobody is renumbered, no face moves."""
    first, second = again(situation)
    assert second == first


@settings(max_examples=100)
@given(situation=situations())
def test_faces_without_any_word_stay_together(situation: Situation) -> None:
    """Without a word of the user, and with one face a photo, a cluster is one person and a person one cluster."""
    assume(any(label >= 0 for label in situation.labels))
    photos = tuple(situation.faces)
    found = identify(situation.faces, photos, situation.labels, situation.before, SILENCE)
    pairs = {
        (label, found.person_of[face])
        for face, label in zip(situation.faces, situation.labels, strict=True)
        if label >= 0
    }
    assert len(pairs) == len({label for label, _ in pairs}) == len({person for _, person in pairs})
    for label, person in pairs:
        members = [face for face, own in zip(situation.faces, situation.labels, strict=True) if own == label]
        shared = Counter(situation.before[face] for face in members if face in situation.before)
        if person > 0:
            assert shared[person] > 0
        else:
            taken = {other for other_label, other in pairs if other_label != label}
            assert set(shared) <= taken
