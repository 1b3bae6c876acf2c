"""Facts the user asked to keep, across conversations, in LangGraph's store: listed, edited and deleted here."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from assistant.people.caller import current
from graphs.answer import Record
from graphs.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore, Item

_MOST = 1000
LONGEST = 1000
"""Characters of one fact."""


class Fact(Record):
    """Something the user asked to remember."""

    fact_id: str
    text: str
    created: str
    updated: str


class Facts:
    """The facts of one home, each person's apart."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store

    def list(self) -> list[Fact]:
        """All facts, the oldest first."""
        found = self._store.search(_where(), limit=_MOST)
        return sorted((_fact(item) for item in found), key=lambda fact: (fact.created, fact.fact_id))

    def get(self, fact_id: str) -> Fact:
        """One fact. Raises `NotFoundError`."""
        item = self._store.get(_where(), fact_id)
        if item is None:
            raise NotFoundError(f"No fact {fact_id!r} is remembered.", "See `crossroads memory list`.")
        return _fact(item)

    def add(self, text: str) -> Fact:
        """Remember a fact; one that is remembered already is not doubled. Raises `UsageError` for an empty one."""
        text = _checked(text)
        for fact in self.list():
            if fact.text.casefold() == text.casefold():
                return fact
        return self._put(uuid.uuid4().hex, text)

    def edit(self, fact_id: str, text: str) -> Fact:
        """Change a fact. Raises `NotFoundError`, and `UsageError` for an empty one."""
        self.get(fact_id)
        return self._put(fact_id, _checked(text))

    def hand_over(self, person: str) -> None:
        """What nobody's is becomes a person's: the first one's, who was alone here before."""
        for fact in self.list():
            self._store.put(_of(person), fact.fact_id, {"text": fact.text}, index=False)
            self._store.delete(_where(), fact.fact_id)

    def delete(self, fact_id: str) -> None:
        """Forget a fact. Raises `NotFoundError`."""
        self.get(fact_id)
        self._store.delete(_where(), fact_id)

    def _put(self, fact_id: str, text: str) -> Fact:
        self._store.put(_where(), fact_id, {"text": text}, index=False)
        return self.get(fact_id)


def _where() -> tuple[str, ...]:
    return _of(current().person)


def _of(person: str) -> tuple[str, ...]:
    return ("facts_of", person) if person else ("facts",)


def _fact(item: Item) -> Fact:
    created, updated = item.created_at.isoformat(), item.updated_at.isoformat()
    return Fact(fact_id=item.key, text=str(item.value["text"]), created=created, updated=updated)


def _checked(text: str) -> str:
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST:
        raise UsageError(f"A fact of {len(plain)} characters is not kept.", f"Write 1 to {LONGEST} characters.")
    return plain
