"""What every recipe has in common: read from YAML, keys replaced by `--set`, unknown keys refused by name."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphs.errors import SettingsError, UsageError

RECIPES = Path(__file__).parent / "recipes"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Recipe(BaseModel):
    """Everything that decides a run. Each stage adds its own keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    """Which kind of training this is; `training.stages` lists them."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """What the registry will call the model."""
    out: Path = Path()
    """The run's folder; empty means `runs/NAME`."""
    seed: int = 13
    licence: str = ""
    """Of the trained model; data and base decide which it may be."""

    @property
    def folder(self) -> Path:
        """Where the run lives."""
        return self.out if self.out != Path() else Path("runs") / self.name


AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


def find_recipe(source: str) -> Path:
    """A recipe's file: a path, or the name of one that ships. Raises `SettingsError` naming those there are."""
    path, shipped = Path(source), RECIPES / f"{source}.yaml"
    if path.is_file() or (path.suffix and not shipped.is_file()):
        return path
    if shipped.is_file():
        return shipped
    names = ", ".join(sorted(found.stem for found in RECIPES.glob("*.yaml")))
    raise SettingsError(f"There is no recipe {source!r}.", f"Name a YAML file, or one that ships: {names}.")


def read_values(path: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keys of a YAML recipe with `overrides` on top, whose keys may be dotted. `${NAME}` is taken from the
    environment. Raises `SettingsError` where the file cannot be read or a variable is not set."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cure = "Name a YAML file of key: value."
        raise SettingsError(f"Recipe {str(path)!r} cannot be read: {error}.", cure) from None
    if not isinstance(values, dict):
        raise SettingsError(f"Recipe {str(path)!r} has no keys.", "Write key: value, as in training/recipes.")
    for key, value in (overrides or {}).items():
        _put(values, key.split("."), value)
    return {str(key): _expand(value, path) for key, value in values.items()}


def parse_sets(items: Sequence[str]) -> dict[str, Any]:
    """`key=value` items of `--set`, each value read as YAML. Raises `UsageError` for an item without a key."""
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{item!r} sets nothing.", "Write --set key=value, such as --set steps=100.")
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"{item!r} cannot be read: {error}.", "Put the value into quotation marks.") from None
    return found


def validated(kind: type[AnyRecipe], values: Mapping[str, Any], where: str) -> AnyRecipe:
    """A recipe of one kind. Raises `SettingsError` naming the key at fault, its value and the cure."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{where} has an unknown key {key!r}.", _nearest(kind, key)) from None
        if first["type"] == "missing":
            raise SettingsError(f"{where} lacks the key {key!r}.", f"Add it, or --set {key}=VALUE.") from None
        cure = f"Mend the key {key!r}." if key else "Mend these keys."
        said = f"{key!r} cannot be {first['input']!r}" if key else "these keys do not go together"
        raise SettingsError(f"{where}: {said}: {first['msg'].removeprefix('Value error, ')}.", cure) from None


def _nearest(kind: type[Recipe], key: str) -> str:
    names = [*kind.model_fields]
    near = difflib.get_close_matches(key.split(".")[-1], names, 1)
    return f"Do you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *outer, last = path
    for key in outer:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{'.'.join(path)!r} cannot be set: {key!r} is {inner!r}.", f"Set {key!r} itself.")
        values = inner
    values[last] = value


def _expand(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _expand(inner, path) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, path) for inner in value]
    return _VARIABLE.sub(lambda found: _variable(found[1], path), value) if isinstance(value, str) else value


def _variable(name: str, path: Path) -> str:
    if not os.environ.get(name):
        raise SettingsError(f"Recipe {str(path)!r} uses ${{{name}}}, which is not set.", f"Set {name} before training.")
    return os.environ[name]
