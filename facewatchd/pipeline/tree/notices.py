"""
What the user is told of the people tree: in the log once, in `status` as long as it stands, or for a day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from facewatchd.core.tree.gestures import Reading
from facewatchd.core.tree.half_moves import WHILE_S
from facewatchd.domain import PersonId
from facewatchd.errors import displayable
from facewatchd.store import Notice, Store

log = logging.getLogger(__name__)


def known_copies(store: Store, now: float) -> dict[bytes, bool]:
    """The copies of people's folders that were told of, and whether none of them is half of a move any more."""
    notices = store.notices.all(now)
    return {notice.path: notice.at <= now - WHILE_S for notice in notices if notice.path and not notice.is_question}


def has_questions(store: Store, now: float) -> bool:
    """Whether something in the tree waits for the user's answer."""
    return any(notice.is_question for notice in store.notices.all(now))


def tell(
    store: Store, reading: Reading, told: Sequence[str], questions: Sequence[tuple[bytes, str]], now: float
) -> None:
    """
    Keep what is to be told, after the tree was read; in a transaction.

    Args:
        store: The state.
        reading: What was read.
        told: What was put back, as sentences.
        questions: Folders that wait for an answer, and what is asked.
        now: Seconds since 1970.
    """
    before = store.notices.all(now)
    standing = [Notice(_copy(store, path, person), now, path) for path, person in reading.copies]
    standing += [Notice(text, now, path, is_question=True) for path, text in questions]
    since = {(notice.path, notice.is_question): notice.at for notice in before if notice.path}
    for notice in standing:
        if (notice.path, notice.is_question) not in since:
            log.info("%s", notice.text)
    for sentence in told:
        log.info("%s", sentence)
    after = [replace(notice, at=since.get((notice.path, notice.is_question), now)) for notice in standing]
    after += [notice for notice in before if not notice.path and notice.text not in told]
    after += [Notice(sentence, now) for sentence in told]
    if after != before:
        store.notices.replace(after)


def _copy(store: Store, path: bytes, person_id: PersonId) -> str:
    person = store.people.get(person_id)
    return (
        f"{displayable(path)} in the people folder is a copy of the folder of {person.title if person else person_id}. It says "
        "nothing, and is not kept up to date. Delete it, or move it out of the people folder."
    )
