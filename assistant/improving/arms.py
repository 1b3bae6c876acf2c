"""Which model answers a conversation: the one in use, or a candidate that is tried on a share of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from assistant.config import Settings
from graphs.errors import CrossroadsError
from training.canary import Canaries, Trial
from training.registry import ModelVersion, Registry

Arm = Literal["live", "canary"]


@dataclass(frozen=True)
class Choice:
    """A model by its full name, and on which side of a trial the conversation is."""

    name: str
    arm: Arm


def live_name(settings: Settings) -> str:
    """The chat model in use: the live version of the improved model where it was trained from the one that is set."""
    version = _live(settings)
    return f"local:{version.name}@{version.version}" if version else settings.models.chat


def choose(settings: Settings, conversation: str) -> Choice:
    """The model for a conversation; the same one each time as long as the trial lasts."""
    trial = trial_of(settings)
    if trial and _place(conversation, trial) < trial.share:
        return Choice(f"local:{settings.improve.name}@{trial.version}", "canary")
    return Choice(live_name(settings), "live")


def trial_of(settings: Settings) -> Trial | None:
    """The trial under way of a candidate that was trained from the chat model in use."""
    folder, name = settings.home / "models", settings.improve.name
    if not (folder / name).is_dir():
        return None
    try:
        trial = Canaries(folder).current(name)
        return trial if trial and _fits(Registry(folder).show(name, trial.version), settings) else None
    except CrossroadsError:
        return None  # a damaged record must not stop answers


def _live(settings: Settings) -> ModelVersion | None:
    folder, name = settings.home / "models", settings.improve.name
    if not (folder / name).is_dir():
        return None
    try:
        version = Registry(folder).live(name)
    except CrossroadsError:
        return None
    return version if version and _fits(version, settings) else None


def _fits(version: ModelVersion, settings: Settings) -> bool:
    return version.kind in ("chat", "adapter") and version.base == settings.models.chat


def _place(conversation: str, trial: Trial) -> float:
    """A number in 0 to 1 that looks random, another one for each trial."""
    digest = hashlib.sha256(f"{trial.version}\n{trial.started}\n{conversation}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
