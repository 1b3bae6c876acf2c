"""What is graded: criteria with their scales, and in words what each number means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from graphs.answer import Record
from graphs.errors import SettingsError, UsageError

DEFAULT = Path(__file__).with_name("rubric.yaml")
_SCALES: dict[str, tuple[int, ...]] = {"scale": (1, 2, 3, 4, 5), "yes_no": (1, 0)}


class Criterion(Record):
    """One thing an answer is judged by."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    title: str = Field(min_length=1, max_length=40)
    kind: Literal["scale", "yes_no"] = "scale"
    anchors: dict[int, str]
    """What each number means."""

    @property
    def values(self) -> tuple[int, ...]:
        """The numbers that can be given."""
        return _SCALES[self.kind]

    @model_validator(mode="after")
    def _anchored(self) -> Criterion:
        if set(self.anchors) != set(self.values):
            raise ValueError(f"the anchors of {self.name!r} must explain exactly {sorted(self.values)}")
        return self


class Rubric(Record):
    """The criteria of one home, and the hash that says which wording a grade was given under."""

    name: str
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=9)
    sha256: str = ""

    def check(self, scores: Mapping[str, int]) -> dict[str, int]:
        """The scores, all of them there and possible. Raises `UsageError` naming the one that is not."""
        known = {criterion.name: criterion for criterion in self.criteria}
        for name, value in scores.items():
            if name not in known:
                raise UsageError(f"The rubric has no criterion {name!r}.", f"It has: {', '.join(known)}.")
            if value not in known[name].values:
                possible = ", ".join(map(str, sorted(known[name].values)))
                raise UsageError(f"{name!r} cannot be {value!r}.", f"Give one of: {possible}.")
        missing = [name for name in known if name not in scores]
        if missing:
            raise UsageError(f"A number is missing for {', '.join(missing)}.", "Give one for every criterion.")
        return dict(scores)

    def share(self, scores: Mapping[str, int]) -> float:
        """All scores as one number from 0 (the worst) to 1 (the best); criteria count alike."""
        parts = [
            (scores[one.name] - min(one.values)) / (max(one.values) - min(one.values))
            for one in self.criteria
            if one.name in scores
        ]
        return sum(parts) / len(parts) if parts else 0.0


def load_rubric(path: Path | str | None = None) -> Rubric:
    """The rubric of a YAML file, the shipped one without. Raises `SettingsError` naming what is wrong with it."""
    file = Path(path).expanduser() if path else DEFAULT
    cure = "Mend the file, or leave grading.rubric empty for the one that ships."
    try:
        text = file.read_text(encoding="utf-8")
        record = yaml.safe_load(text)
        return Rubric(**{**record, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as error:
        raise SettingsError(f"The rubric {str(file)!r} cannot be read: {error}.", cure) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"The rubric {str(file)!r}: {where}: {first['msg']}.", cure) from None
