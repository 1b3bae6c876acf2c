"""Prompts: the versions there are, each with its hash, and which of two does better on samples."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from pydantic import BaseModel, Field

from assistant.http.api.forms import Form, Name, Short, Text
from assistant.http.body import in_thread, stopping_when_left
from assistant.http.needs import needs
from assistant.people.caller import note
from assistant.prompting import compare_prompts
from eval.sample import Sample
from graphs.answer import Path, PromptRef
from graphs.prompts import Version, names, parse, read_shipped

if TYPE_CHECKING:
    from assistant.app import Assistant

MOST_SAMPLES = 50
"""In one request; `crossroads prompts compare` takes any number."""


class Listed(PromptRef):
    """A prompt, and how it is named in a comparison."""

    reference: str


class Prompts(BaseModel):
    """Every prompt there is."""

    prompts: list[Listed]


class Shown(Listed):
    """A prompt with its text."""

    text: str


class Asked(Form):
    """A question, the answers that are right, and texts that stand in for retrieval."""

    input: Text = Field(min_length=1)
    target: list[Text] = Field(min_length=1, max_length=20)
    contexts: list[Text] | None = Field(default=None, max_length=100)


class Compared(Form):
    """Two versions of one prompt, and what both are asked.

    The second is one that ships (`second`), or a text of one's own (`text`) that begins with `---`, `version: 2`,
    `---`. Nothing changes for other people meanwhile.
    """

    first: Short
    second: Short = ""
    text: Text = ""
    samples: list[Asked] = Field(min_length=1, max_length=MOST_SAMPLES)
    path: Path | Literal["auto"] = "auto"


def router(assistant: Assistant) -> APIRouter:
    """List, read, compare."""
    made = APIRouter(prefix="/prompts", tags=["prompts"])

    @made.get("", dependencies=[needs("models")])
    def listed() -> Prompts:
        """Every prompt with its version and the sha256 that answers record."""
        return Prompts(prompts=[Listed(reference=name, **_reference(name)) for name in names()])

    @made.get("/{reference}", dependencies=[needs("models")])
    def show(reference: Name) -> Shown:
        """A prompt's text: `passages`, or `passages@2`."""
        text, found = parse(*read_shipped(reference))
        return Shown(reference=reference, text=text, **found.model_dump())

    @made.post("/compare", dependencies=[needs("evaluate")])
    async def compare(wanted: Compared, request: HttpRequest) -> dict[str, Any]:
        """Answer the samples with each of two versions: F1 of both, and the paired difference with its interval."""
        note(f"{wanted.first} with {wanted.second or 'a text of its own'}")
        cancel = threading.Event()
        async with stopping_when_left(request, cancel):
            found: dict[str, Any] = await in_thread(_compare, assistant, wanted, cancel)
        return found

    return made


def _compare(assistant: Assistant, wanted: Compared, cancel: threading.Event) -> dict[str, Any]:
    name, raw = read_shipped(wanted.first)
    second = Version(name, wanted.text) if wanted.text else Version(*read_shipped(wanted.second))
    samples = [Sample(id=str(number), **one.model_dump()) for number, one in enumerate(wanted.samples, 1)]
    found = compare_prompts(assistant, Version(name, raw), second, samples, wanted.path, lambda _: None, cancel)
    sides = {"first": wanted.first, "second": wanted.second or name}
    return found | {side: {**found[side], "reference": reference} for side, reference in sides.items()}


def _reference(name: str) -> dict[str, Any]:
    return parse(*read_shipped(name))[1].model_dump()
