"""For whoever runs the service: what is there and what is missing; and which path to try first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from assistant.doctor import examine
from assistant.http.api.forms import Form
from assistant.http.needs import needs
from eval.advice import Need, Situation, advise

if TYPE_CHECKING:
    from assistant.app import Assistant


class Problem(Form):
    """What is known about a problem before anything is measured."""

    need: Need
    documents: bool
    changing: bool
    labelled: int = Field(ge=0, le=10**9)
    gpu: bool
    private: bool
    budget_usd: float = Field(ge=0, le=1e12)
    requests: int = Field(ge=0, le=10**12)


class Told(BaseModel):
    """A first path, the one after it, the reasons, why not the others, and the measurement that settles it."""

    first: str
    then: str
    reasons: list[str]
    against: dict[str, str]
    measure: list[str]


def router(assistant: Assistant) -> APIRouter:
    """The doctor and the adviser."""
    made = APIRouter(tags=["service"])

    @made.get("/doctor", dependencies=[needs("operate")])
    def doctor() -> dict[str, Any]:
        """Models, engine, store, device, keys (never their values) and disk; what each missing thing costs."""
        return examine(assistant.settings)

    @made.post("/advise", dependencies=[needs("ask")])
    def adviser(problem: Problem) -> Told:
        """Which path to try first, why, and how to find out whether that is right."""
        return Told(**asdict(advise(Situation(**problem.model_dump()))))

    return made
