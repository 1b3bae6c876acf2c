"""The model card: what a version is, from what, how good, how to make it again; Hugging Face's front matter on top."""

from __future__ import annotations

from typing import Any

import yaml

from training.registry import ModelVersion, content_sha256, why_not

_LIBRARY = {"adapter": "peft", "embedding": "sentence-transformers", "reranker": "sentence-transformers"}
_TASK = {
    "chat": "text-generation",
    "adapter": "text-generation",
    "embedding": "sentence-similarity",
    "reranker": "text-ranking",
    "classifier": "text-classification",
    "reward": "text-classification",
    "reader": "question-answering",
}


def card(version: ModelVersion) -> str:
    """The card as Markdown; everything in it stands in the registry's record."""
    front = yaml.safe_dump(_front(version), sort_keys=False, allow_unicode=True).strip()
    parts = [f"---\n{front}\n---", f"# {version.name} {version.version}".strip(), _summary(version)]
    parts += ["## Results\n\n" + _results(version.metrics), "## How it was made\n\n" + _made(version)]
    parts += ["## Gate\n\n" + _gate(version), "## Files\n\n" + _files(version)]
    return "\n\n".join(parts) + "\n"


def _front(version: ModelVersion) -> dict[str, Any]:
    """What the hub reads."""
    front: dict[str, Any] = {"license": version.licence.lower() or "unknown", "tags": ["crossroads", version.kind]}
    base = version.base.partition(":")[2] if version.base.startswith("hf:") else version.base
    if base:
        front["base_model"] = base
    if version.kind in _TASK:
        front["pipeline_tag"] = _TASK[version.kind]
    front["library_name"] = _LIBRARY.get(version.kind, "transformers")
    if version.metrics:
        results = [{"type": name, "value": round(value, 4)} for name, value in version.metrics.items()]
        front["model-index"] = [
            {
                "name": version.name,
                "results": [
                    {
                        "task": {"type": _TASK.get(version.kind, version.kind)},
                        "dataset": {"name": "rows held back from training", "type": version.data_sha256[:12] or "none"},
                        "metrics": results,
                    }
                ],
            }
        ]
    return front


def _summary(version: ModelVersion) -> str:
    stage = version.recipe.get("stage", "")
    made = f"by the stage `{stage}` of Crossroads" if stage else "by Crossroads"
    base = f" from `{version.base}`" if version.base else ", from scratch"
    parent = f" It continues `{version.parent}`." if version.parent else ""
    licence = version.licence or "not stated: ask whoever trained it before you pass it on"
    return f"A model of the kind `{version.kind}`, trained {made}{base}.{parent} Licence: {licence}."


def _results(metrics: dict[str, float]) -> str:
    if not metrics:
        return "None were measured."
    lines = [f"| {name} | {value:.4g} |" for name, value in metrics.items()]
    said = "Measured on rows held back from training; `_low` and `_high` bound 95 % intervals."
    return "\n".join([said, "", "| measure | value |", "|---|---:|", *lines])


def _made(version: ModelVersion) -> str:
    recipe = {key: value for key, value in version.recipe.items() if key not in {"packages", "out"}}
    packages = version.recipe.get("packages", {})
    used = ", ".join(f"{name} {number}" for name, number in packages.items()) or "not recorded"
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True).strip()
    data = version.data_sha256 or "not recorded"
    said = "`crossroads train` with this recipe, the same data and versions makes it again."
    return f"{said}\n\n```yaml\n{text}\n```\n\n- sha256 of the data: `{data}`\n- versions: {used}"


def _gate(version: ModelVersion) -> str:
    if version.gate is None:
        return "The gate was not asked."
    if not (why := why_not(version)):
        return f"Passed, on the run `{version.gate.run}`."
    return f"Not passed: {why}."


def _files(version: ModelVersion) -> str:
    lines = [f"- `{path}` `{digest}`" for path, digest in sorted(version.files.items())]
    return "\n".join([f"All together: `{content_sha256(version.files)}`", *lines])
