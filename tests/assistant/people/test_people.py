"""Accounts on SQLite and on Postgres, and what remains of somebody who is forgotten."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from assistant.app import Assistant
from assistant.grades.types import Comparison, Grade
from assistant.people.accounts import Account
from assistant.people.caller import SignInError
from assistant.people.rights import as_person, export_person, forget_person
from assistant.records import Request, Vote
from assistant.tables import metadata
from graphs.answer import Answer
from graphs.errors import NotFoundError, UsageError
from tests.assistant.home_fakes import open_fake
from tests.assistant.test_postgres import BIN, Cluster
from tests.assistant.test_postgres import cluster as cluster

PASSWORD = "correct horse battery"


@pytest.fixture(params=["sqlite", "postgres"])
def assistant(request: pytest.FixtureRequest, home: Path) -> Iterator[Assistant]:
    database = {}
    if request.param == "postgres":
        if not (BIN / "initdb").is_file():
            pytest.skip("no Postgres server: apt-get install postgresql")
        made: Cluster = request.getfixturevalue("cluster")
        name = f"p{uuid.uuid4().hex[:8]}"
        made.run("createdb", "-h", "127.0.0.1", "-p", str(made.port), "-U", "crossroads", name)
        database = {"url": made.url(name)}
    with open_fake(home, database=database) as opened:
        yield opened


def ask(assistant: Assistant, account: Account, question: str = "How long does the warranty last?") -> Answer:
    with as_person(account):
        return assistant.ask(Request(question=question))


def test_signing_in_by_name_and_password(assistant: Assistant) -> None:
    people = assistant.people
    ann = people.add("Ann", "owner", PASSWORD)
    assert people.sign_in(" ann ", PASSWORD) == ann
    for name, password in (("ann", "x"), ("bob", PASSWORD), ("ann", PASSWORD + "x")):
        with pytest.raises(SignInError):
            people.sign_in(name, password)
    session = people.open_session(ann)
    caller = people.of_session(session)
    assert caller is not None
    assert caller.name == "Ann"
    people.change("ann", role="owner", disabled=False)
    people.close_session(session)
    assert people.of_session(session) is None
    with people.engine.connect() as connection:
        stored = str(connection.execute(select(metadata.tables["accounts"].c.password)).scalar())
    assert stored.startswith("$argon2id$")


def test_there_is_always_an_owner(assistant: Assistant) -> None:
    people = assistant.people
    with pytest.raises(UsageError, match="first account"):
        people.add("Bob", "user")
    people.add("Ann", "owner")
    for change in ({"role": "user"}, {"disabled": True}):
        with pytest.raises(UsageError, match="last owner"):
            people.change("ann", **change)  # type: ignore[arg-type]
    people.add("Bob", "user")
    with pytest.raises(UsageError, match="last owner"):
        people.delete("ann")
    with pytest.raises(UsageError, match="last owner"):
        forget_person(assistant, "ann")
    assert people.get("ann").role == "owner"
    assert not people.get("ann").disabled


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "a\u202eb", "x" * 81])
def test_names_that_hide_something_are_refused(home: Path, name: str) -> None:
    with open_fake(home) as assistant, pytest.raises(UsageError):
        assistant.people.add(name, "owner")


def test_two_people_have_two_names(assistant: Assistant) -> None:
    assistant.people.add("Ann", "owner")
    with pytest.raises(UsageError, match="already"):
        assistant.people.add("aNN", "user")


def test_the_first_owner_takes_over_what_was_there(assistant: Assistant) -> None:
    before = assistant.ask(Request(question="How long does the warranty last?"))
    assistant.facts.add("I work in Basel.")
    owner, other = assistant.people.add("Ann", "owner"), assistant.people.add("Bob", "owner")
    with as_person(owner):
        assert [info.thread_id for info in assistant.threads.list()] == [before.thread_id]
        assert [fact.text for fact in assistant.facts.list()] == ["I work in Basel."]
    with as_person(other):
        assert assistant.threads.list() == []


@pytest.mark.parametrize("grades", ["anonymise", "delete"])
def test_somebody_forgotten_leaves_nothing_that_names_them(assistant: Assistant, grades: str) -> None:
    assistant.people.add("Keeper", "owner")
    bob, eve = assistant.people.add("Bobby Tables", "expert"), assistant.people.add("Eve", "expert")
    mine, again, theirs = ask(assistant, bob), ask(assistant, bob), ask(assistant, eve)
    with as_person(bob):
        assistant.vote(Vote(answer_id=mine.answer_id, vote="up", comment="bobby was here"), mine, mine.question)
        assistant.facts.add("Bobby works in Basel.")
        assistant.tokens.make(bob, "bobby's bot", ["ask"])
    scores = {one.name: 4 for one in assistant.grading.store.rubric.criteria}
    for answer, grader in ((theirs, bob), (mine, eve)):
        assistant.grading.record(Grade(answer_id=answer.answer_id, grader=grader.name, scores=scores))
    pair = Comparison(first=mine.answer_id, second=again.answer_id, grader=bob.name, choice="tie")
    assistant.grading.compare(pair)

    whole = export_person(assistant, "bobby tables")
    assert (len(whole["conversations"]), len(whole["votes"]), len(whole["facts"]), len(whole["grades"])) == (2, 1, 1, 1)
    assert len(whole["comparisons"]) == len(whole["tokens"]) == 1
    json.dumps(whole)

    told = forget_person(assistant, "bobby tables", grades)  # type: ignore[arg-type]
    assert (told.conversations, told.votes, told.facts) == (2, 1, 1)
    assert (told.grades_deleted > 0) == (grades == "delete")
    left = everything(assistant)
    assert "bobby" not in left.casefold()
    assert (bob.person in left) is False
    kept = [grade.answer_id for grade, _ in assistant.grading.store.current()]
    assert kept == ([theirs.answer_id, mine.answer_id] if grades == "anonymise" else [])
    with as_person(eve):
        assert len(assistant.threads.list()) == 1
    with pytest.raises(NotFoundError):
        assistant.people.get("bobby tables")


def everything(assistant: Assistant) -> str:
    """Every row of every table but the log, whose ids resolve to nobody."""
    with assistant.people.engine.connect() as connection:
        return "\n".join(
            str(row)
            for name, table in metadata.tables.items()
            if name != "audit"
            for row in connection.execute(select(table))
        )
