"""Versions of models: list, take live, roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from pydantic import BaseModel

from assistant.http.api.forms import Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.people.caller import note
from training.registry import ModelVersion, Promotion, Registry, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant


class Wanted(Form):
    """The version to take live; `override` says why it may without a passing gate."""

    version: Short
    override: Text = ""


class Listed(BaseModel):
    """A version, and why the gate does not let it go live; empty where it does."""

    version: ModelVersion
    why_not: str


class Models(BaseModel):
    """Versions of models, oldest first; and the names that can be asked."""

    models: list[Listed]
    offered: list[str]


class Shown(BaseModel):
    """A version with every promotion of its model."""

    version: ModelVersion
    why_not: str
    history: list[Promotion]


def router(assistant: Assistant) -> APIRouter:
    """What is trained here."""
    made = APIRouter(prefix="/models", tags=["models"])
    registry = Registry(assistant.settings.home / "models")

    @made.get("", dependencies=[needs("models")])
    def listed() -> Models:
        """Every version of every model."""
        found = [Listed(version=one, why_not=why_not(one)) for one in registry.list()]
        return Models(models=found, offered=assistant.models())

    @made.get("/{name}", dependencies=[needs("models")])
    def show(name: Name, version: Short = "") -> Shown:
        """One version; without `version` the live one, else the newest."""
        found = registry.show(name, version)
        return Shown(version=found, why_not=why_not(found), history=list(registry.history(name)))

    @made.post("/{name}/promote", dependencies=[needs("models:promote")])
    def promote(name: Name, wanted: Wanted) -> ModelVersion:
        """Take a version live, through the gate or with a reason."""
        note(f"version {wanted.version}" + (f", without the gate: {wanted.override}" if wanted.override else ""))
        return registry.promote(name, wanted.version, wanted.override)

    @made.post("/{name}/rollback", dependencies=[needs("models:promote")])
    def rollback(name: Name) -> ModelVersion:
        """Bring the version back that was live before."""
        return registry.rollback(name)

    return made
