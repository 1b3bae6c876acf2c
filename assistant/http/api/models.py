"""Versions of models: list, read the card, take live, roll back, delete; and the models that ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel

from assistant.http.api.forms import Deleted, Form, Name, Short, Text
from assistant.http.needs import needs
from assistant.improving.watch import take_back
from assistant.models import ModelStatus, list_models
from assistant.people.caller import note
from training.card import card as card_of
from training.registry import ModelVersion, Promotion, Registry, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant


class Wanted(Form):
    """The version to take live; `override` says why it may without a passing gate."""

    version: Short
    override: Text = ""


class Reason(Form):
    """Kept in the history."""

    why: Short = ""


class Shipped(BaseModel):
    """A model of the catalogue, and whether its files are on this machine."""

    name: str
    kind: str
    title: str
    licence: str
    parameters: int
    size: int
    present: bool
    source: str


class Card(BaseModel):
    """A model card in Markdown."""

    name: str
    version: str
    card: str


class Listed(BaseModel):
    """A version, and why the gate does not let it go live; empty where it does."""

    version: ModelVersion
    why_not: str


class Models(BaseModel):
    """Versions of models, oldest first; those that ship; and the names that can be asked."""

    models: list[Listed]
    catalogue: list[Shipped]
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
        shipped = [Shipped(**_told(status)) for status in list_models(assistant.settings)]
        return Models(models=found, catalogue=shipped, offered=assistant.models())

    @made.get("/{name}", dependencies=[needs("models")])
    def show(name: Name, version: Short = "") -> Shown:
        """One version; without `version` the live one, else the newest."""
        found = registry.show(name, version)
        return Shown(version=found, why_not=why_not(found), history=list(registry.history(name)))

    @made.get("/{name}/card", dependencies=[needs("models")])
    def card(name: Name, version: Short = "") -> Card:
        """What a version is, from what, how good, and for what: Markdown."""
        found = registry.show(name, version)
        return Card(name=name, version=found.version, card=card_of(found))

    _changing(made, assistant, registry)
    return made


def _changing(made: APIRouter, assistant: Assistant, registry: Registry) -> None:
    may = [needs("models:promote")]

    @made.post("/{name}/promote", dependencies=may)
    def promote(name: Name, wanted: Wanted) -> ModelVersion:
        """Take a version live, through the gate or with a reason."""
        note(f"version {wanted.version}" + (f", without the gate: {wanted.override}" if wanted.override else ""))
        return registry.promote(name, wanted.version, wanted.override)

    @made.post("/{name}/rollback", dependencies=may)
    def rollback(name: Name, reason: Reason | None = None) -> ModelVersion:
        """Bring back what was live before; of an improved model with none before it, what it was trained from."""
        why = reason.why if reason else ""
        note(why)
        return take_back(registry, name, why, stands_in=name == assistant.settings.improve.name)

    @made.delete("/{name}/versions/{version}", dependencies=may)
    def remove(name: Name, version: Name) -> Deleted:
        """Delete a version that is not live."""
        registry.remove(name, version)
        return Deleted(deleted=1)


def _told(status: ModelStatus) -> dict[str, Any]:
    return {name: getattr(status, name) for name in Shipped.model_fields}
