"""Where an answer comes from: model, adapter and base, prompt, passages, rows, graders, and what the gate said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.grades.datasets import open_dataset
from assistant.improving.cycle import FOLDER, Cycle
from graphs.errors import CrossroadsError, NotFoundError
from training.registry import ModelVersion, Registry, content_sha256, why_not

if TYPE_CHECKING:
    from assistant.app import Assistant
    from graphs.answer import Answer

SHOWN_ROWS = 20


def lineage(assistant: Assistant, answer_id: str, most: int = SHOWN_ROWS) -> dict[str, Any]:
    """Everything behind an answer; of the data the first `most` rows. Raises `NotFoundError` for an unknown answer."""
    logged = assistant.grading.logged(answer_id)
    answer = logged.answer
    found: dict[str, Any] = {
        "answer": {
            "answer_id": answer_id, "question": logged.question, "created": logged.created, "text": answer.text,
            "path": answer.route.path, "reason": answer.route.reason, "model": answer.model, "arm": answer.arm,
        },
        "prompt": answer.prompt.model_dump() if answer.prompt else None,
        "passages": _passages(answer),
        "examples": [one.model_dump() for one in answer.examples],
        "grades": [grade.model_dump(mode="json") for grade in assistant.grading.store.history(answer_id)],
    }  # fmt: skip
    return found | of_model(assistant, answer.model, most)


def of_model(assistant: Assistant, name: str, most: int = SHOWN_ROWS) -> dict[str, Any]:
    """Everything behind a model by its full name: `model`, `gate`, `cycle`, `data`, `graders`."""
    version = _version(assistant, name)
    if version is None:
        return {"model": _not_ours(name), "gate": None, "cycle": None, "data": None, "graders": []}
    data = _data(assistant, version, most)
    gate = version.gate.model_dump() if version.gate else None
    return {
        "model": {
            "name": name, "kind": version.kind, "base": version.base, "parent": version.parent, "state": version.state,
            "created": version.created, "sha256": content_sha256(version.files), "files": version.files,
            "licence": version.licence, "metrics": version.metrics, "data_sha256": version.data_sha256,
            "recipe": {key: value for key, value in version.recipe.items() if key != "packages"},
            "history": [step.model_dump() for step in _registry(assistant).history(version.name)
                        if step.version == version.version],
        },
        "gate": gate and {**gate, "why_not": why_not(version)},
        "cycle": _cycle(assistant, version),
        "data": data,
        "graders": _graders(assistant, data),
    }  # fmt: skip


def _registry(assistant: Assistant) -> Registry:
    return Registry(assistant.settings.home / "models")


def _version(assistant: Assistant, name: str) -> ModelVersion | None:
    """The registry's record of a model; None for one that was not trained here."""
    provider, _, rest = name.partition(":")
    model, _, number = rest.partition("@")
    if provider != "local":
        return None
    try:
        return _registry(assistant).show(model, number)
    except CrossroadsError:
        return None


def _not_ours(name: str) -> dict[str, Any]:
    """A model of the catalogue with its files, or one that is known by name alone."""
    from assistant.models.catalogue import CATALOGUE

    entry = CATALOGUE.get(name.removeprefix("local:"))
    files = {file.path: file.sha256 for file in entry.files} if entry else {}
    kind = "catalogue" if entry else "foreign"
    return {"name": name, "kind": kind, "base": "", "files": files, "licence": entry.licence if entry else ""}


def _passages(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"source": item.passage.source, "chunk_id": item.passage.chunk_id, "kept": item.kept, "why": item.why}
        for item in answer.evidence
    ]


def _data(assistant: Assistant, version: ModelVersion, most: int) -> dict[str, Any] | None:
    """The data set a version was trained on, where it was made of grades of this home."""
    name = str(version.recipe.get("dataset", ""))
    if not name:
        return None
    try:
        kept = open_dataset(assistant.settings.home, name)
    except NotFoundError as error:
        return {"name": name, "missing": error.message, "rows": 0, "sources": []}
    sources = kept.sources()
    counted = Counter(one["grader"] for row in sources for one in row)
    return {
        "name": name,
        "folder": str(kept.folder),
        **kept.record,
        "by_grader": dict(counted),
        "sources": sources[:most],
    }


def _cycle(assistant: Assistant, version: ModelVersion) -> dict[str, Any] | None:
    name = str(version.recipe.get("cycle", ""))
    folder: Path = assistant.settings.home / FOLDER / name
    if not name or not folder.is_dir():
        return None
    steps = Cycle(folder).record()["steps"]
    return {"id": name, "folder": str(folder), "steps": {step: done.get("text", "") for step, done in steps.items()}}


def _graders(assistant: Assistant, data: dict[str, Any] | None) -> list[dict[str, Any]]:
    counted = data.get("by_grader", {}) if data else {}
    weights = assistant.grading.graders.weights() if counted else {}
    return [
        {"grader": name, "rows": count, "weight_now": weights.get(name, 1.0)} for name, count in sorted(counted.items())
    ]
