"""One person's data: all of it in one object, and all of it gone.

Forgetting deletes the account, sessions, tokens, conversations with their steps, votes, what was learnt from them, and
remembered facts. Grades are either kept without the name, or deleted together with the grades others gave to this
person's answers. The log keeps its lines: they hold an id that nothing resolves any more, and no content.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from assistant.people.accounts import Account, caller_of
from assistant.people.caller import CALLER
from graphs.answer import Record
from graphs.errors import UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant

Grades = Literal["anonymise", "delete"]
UNNAMED = "someone"


class Forgotten(Record):
    """What went, and what was kept without a name."""

    person: str
    conversations: int
    votes: int
    facts: int
    grades_deleted: int
    grades_anonymised: int


@contextmanager
def as_person(account: Account) -> Iterator[None]:
    """Whatever belongs to a person is theirs within."""
    token = CALLER.set(caller_of(account))
    try:
        yield
    finally:
        CALLER.reset(token)


def export_person(assistant: Assistant, wanted: str) -> dict[str, Any]:
    """Everything that is kept of one person. Raises `NotFoundError`."""
    account = assistant.people.get(wanted)
    with as_person(account):
        infos = assistant.threads.list()
        return {
            "account": account.model_dump(),
            "conversations": [json.loads(assistant.threads.export(info.thread_id, "json")) for info in infos],
            "votes": [vote.model_dump() for vote in assistant.feedback.of(account.person)],
            "facts": [fact.model_dump() for fact in assistant.facts.list()],
            "grades": [grade.model_dump() for grade in assistant.grading.store.given_by(account.name)],
            "comparisons": [
                one.model_dump() for one, *_ in assistant.grading.store.comparisons() if one.grader == account.name
            ],
            "tokens": [token.model_dump() for token in assistant.tokens.list(account.person)],
            "log": [line.model_dump() for line in assistant.people.audit.list(100_000, person=account.person)],
        }


def forget_person(assistant: Assistant, wanted: str, grades: Grades = "anonymise") -> Forgotten:
    """Delete a person's data. Raises `NotFoundError`, and `UsageError` for the last owner or another choice.

    The account goes first, so that nothing new is written; repeated after a crash, only the rest is left to do.
    """
    if grades not in ("anonymise", "delete"):
        raise UsageError(f"Grades cannot be {grades!r}.", "Choose anonymise or delete.")
    account = assistant.people.get(wanted)
    assistant.people.change(account.person, disabled=True)
    with as_person(account):
        infos = assistant.threads.list()
        answers = [
            turn.answer.answer_id
            for info in infos
            for turn in assistant.threads.turns(info.thread_id)
            if turn.answer is not None
        ]
        for answer_id in dict.fromkeys([*answers, *(vote.answer_id for vote in assistant.feedback.of(account.person))]):
            assistant.examples.unlearn(answer_id)
        for info in infos:
            assistant.threads.delete(info.thread_id)
            assistant.run_log.forget(info.thread_id)
        facts = assistant.facts.list()
        for fact in facts:
            assistant.facts.delete(fact.fact_id)
    votes = assistant.feedback.forget(account.person)
    deleted, kept = _grades(assistant, account, answers, grades)
    assistant.people.delete(account.person)
    return Forgotten(
        person=account.person,
        conversations=len(infos),
        votes=votes,
        facts=len(facts),
        grades_deleted=deleted,
        grades_anonymised=kept,
    )


def _grades(assistant: Assistant, account: Account, answers: list[str], grades: Grades) -> tuple[int, int]:
    grading = assistant.grading
    if grades == "delete":
        gone = grading.forget(account.name) + grading.store.forget_answers(answers)
        grading.graders.rename(account.name, UNNAMED)  # what they fixed or weighed of others stays
        return gone, 0
    unnamed = f"someone-{secrets.token_hex(4)}"
    return 0, grading.store.rename(account.name, unnamed) + grading.graders.rename(account.name, unnamed)
