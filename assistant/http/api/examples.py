"""The worked examples that few-shot prompts show: list, add, take over from grades, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.examples import KINDS, KeptExample, NewExample
from assistant.http.api.forms import Deleted, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.people.caller import note

if TYPE_CHECKING:
    from assistant.app import Assistant

MOST_AT_ONCE = 1000


class ExampleList(BaseModel):
    """Examples, the newest first, and how many there are by task."""

    examples: list[KeptExample]
    counts: dict[str, int]


class Worked(Form):
    """What was asked, or the text that was worked on, and the right answer to it."""

    task: Literal[KINDS] = "answer"  # type: ignore[valid-type]
    input: Text
    output: Text


class Given(Form):
    """Examples to keep; one with the task and input of an old one replaces it."""

    examples: list[Worked] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Added(BaseModel):
    """How many were kept."""

    added: int


def router(assistant: Assistant) -> APIRouter:
    """The example store."""
    made = APIRouter(prefix="/examples", tags=["examples"], dependencies=[needs("grades")])

    @made.get("")
    def listed(task: Short = "") -> ExampleList:
        """The examples of a task, or all of them; `origin` says whether one came by file, hand, vote or grade."""
        return ExampleList(examples=assistant.examples.list(task), counts=assistant.examples.counts())

    @made.post("", status_code=201)
    def add(given: Given) -> Added:
        """Keep examples."""
        note(f"{len(given.examples)} by hand")
        return Added(added=assistant.examples.add([NewExample(**one.model_dump()) for one in given.examples]))

    @made.post("/graded", status_code=201)
    def take_over() -> Added:
        """Keep what is an example of the grades so far: well graded and better answers that rest on no document.

        New grades become examples by themselves; this is for those given before, and for better answers.
        """
        rows = assistant.grading.rows("examples")
        made = [
            NewExample(**row, origin="graded", answer_id=sources[0]["answer_id"])
            for row, sources in zip(rows.rows, rows.sources, strict=True)
        ]
        note(f"{len(made)} from grades")
        return Added(added=assistant.examples.add(made) if made else 0)

    @made.delete("/{example_id}")
    def remove(example_id: Name) -> Deleted:
        """Forget one."""
        note(example_id)
        return Deleted(deleted=assistant.examples.remove([example_id]))

    return made
