"""The steps of the cycle, each from what the earlier ones left on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.improving import judging
from assistant.improving.arms import live_name
from assistant.improving.choosing import RECIPES, choose_data
from assistant.improving.cycle import Cycle, Step
from training.registry import GateVerdict, ModelVersion, Registry, write_whole

PARITY_QUESTIONS = 12


def steps_of(settings: Settings) -> Mapping[str, Step]:
    """Every step in order: choose data, recipe, train, register, export, evaluate, gate."""
    made = _Steps(settings)
    names = ("data", "recipe", "train", "register", "export", "evaluate", "gate")
    return {name: getattr(made, name) for name in names}


class _Steps:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(settings.home / "models")
        self._name = settings.improve.name

    def data(self, cycle: Cycle) -> dict[str, Any]:
        """Rows and held-out questions from the grades."""
        from assistant.database import open_database
        from assistant.feedback import Feedback
        from assistant.grades.grading import Grading

        settings, options = self._settings, cycle.options
        engine = open_database(settings)
        try:
            grading = Grading(engine, settings, Feedback(engine))
            share, stage, without = settings.improve.held_out, options["stage"], options["without"]
            return choose_data(grading, settings.home, cycle.folder, share, stage, without)
        finally:
            engine.dispose()

    def recipe(self, cycle: Cycle) -> dict[str, Any]:
        """The recipe: the one that ships for this way of training, with what was asked for on top."""
        from training.recipe import find_recipe, parse_sets, read_values

        data = cycle.result("data")
        rows = self._settings.home / "datasets" / data["dataset"] / "rows.jsonl"
        own = {"name": self._name, "base": self._settings.models.chat, "data": [str(rows)], "system": ""}
        values = read_values(find_recipe(RECIPES[data["stage"]]), {**own, **parse_sets(cycle.options["train"])})
        values |= {"stage": data["stage"], "out": str(cycle.folder / "run")}
        text = f"{data['stage'].upper()} on {values['base']}, learning rate {values['learning_rate']}"
        return {"values": values, "text": text}

    def train(self, cycle: Cycle) -> dict[str, Any]:
        """Train, or go on with the run's last checkpoint."""
        import yaml

        from assistant.models.folders import base_folder
        from training.stages import load_recipe, train

        file = cycle.folder / "recipe.yaml"
        write_whole(file, yaml.safe_dump(cycle.result("recipe")["values"], sort_keys=False, allow_unicode=True))
        again = (cycle.folder / "run" / "config.json").is_file()
        version = _trained(cycle)
        if version is None:
            resolve = lambda name: base_folder(name, self._settings)  # noqa: E731
            version = train(load_recipe(str(file)), resume=again, listeners=[_told(cycle)], resolve=resolve).version
        figures = ", ".join(f"{name} {value:.3g}" for name, value in [*version.metrics.items()][:6])
        return {"metrics": version.metrics, "text": figures}

    def register(self, cycle: Cycle) -> dict[str, Any]:
        """A candidate in the registry, which says of itself which rows and which cycle made it."""
        number = cycle.noted("register").get("version", "")
        if not number:
            known = [int(one.version) for one in self._versions() if one.version.isdigit()]
            number = str(max(known, default=0) + 1)
            cycle.note("register", version=number)
        trained = _trained(cycle)
        assert trained is not None  # noqa: S101 - the step before left it
        made = {"cycle": cycle.name, "dataset": cycle.result("data")["dataset"]}
        live = live_name(self._settings).removeprefix("local:")
        record = trained.model_copy(update={"version": number, "recipe": {**trained.recipe, **made}, "parent": live})
        added = self._registry.add(cycle.folder / "run" / "model", record)
        return {"model": added.name, "version": added.version, "text": f"{added.name} {added.version} is a candidate"}

    def export(self, cycle: Cycle) -> dict[str, Any]:
        """The model as it will be served, proved to answer as the trained one does."""
        from assistant.models.folders import base_folder
        from training.export.export import export

        version = self._version(cycle)
        out, source = cycle.folder / "export", self._registry.folder(version.name, version.version)
        if not (out / "parity.json").is_file():
            base = base_folder(version.base, self._settings) if version.kind == "adapter" else None
            export(source, out, "merged", base=base, questions=PARITY_QUESTIONS, report=cycle.tell)
        parity = json.loads((out / "parity.json").read_text(encoding="utf-8"))
        text = f"argmax agreement {parity['argmax_agreement']:.4f}, same answers {parity['same_answers']:.2f}"
        return {"format": "merged", "parity": parity, "text": text}

    def evaluate(self, cycle: Cycle) -> dict[str, Any]:
        """Candidate and live model on the same questions."""
        live = cycle.noted("evaluate").get("live") or self._served_live()
        cycle.note("evaluate", live=live)
        models = {"live": live, "candidate": f"hf:{cycle.folder / 'export'}"}
        judging.run_held_out(cycle, self._settings, models)
        for suite in self._suites():
            judging.run_standing(cycle, self._settings, suite, models)
        return {"live": live, "suites": [judging.HELD_OUT, *map(judging.suite_name, self._suites())], "text": "done"}

    def gate(self, cycle: Cycle) -> dict[str, Any]:
        """The verdict, which the registry keeps with the candidate."""
        suites = [name for name in cycle.result("evaluate")["suites"] if name != judging.HELD_OUT]
        found = judging.judged(cycle, suites)
        write_whole(cycle.folder / "verdict.json", json.dumps(found, indent=1, ensure_ascii=False))
        version = self._version(cycle)
        verdict = GateVerdict(verdict=found["verdict"], reasons=found["reasons"], run=f"improve/{cycle.name}")
        self._registry.judge(version.name, version.version, verdict)
        return {**found, "text": found["verdict"]}

    def _served_live(self) -> str:
        """The live model by a name that means the same in the home of any suite."""
        from assistant.models.folders import base_folder

        name = live_name(self._settings)
        registered = name != self._settings.models.chat
        return f"hf:{base_folder(name, self._settings)}" if registered else name

    def _suites(self) -> list[str]:
        return [name.strip() for name in self._settings.improve.suites.split(",") if name.strip()]

    def _version(self, cycle: Cycle) -> ModelVersion:
        made = cycle.result("register")
        return self._registry.show(made["model"], made["version"])

    def _versions(self) -> list[ModelVersion]:
        return self._registry.list(self._name) if self._name in self._registry.names() else []


def _trained(cycle: Cycle) -> ModelVersion | None:
    """What the training run left, where it is done."""
    path: Path = cycle.folder / "run" / "version.json"
    return ModelVersion.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def _told(cycle: Cycle) -> Any:
    def listen(event: dict[str, Any]) -> None:
        if event["event"] in ("note", "estimate"):
            cycle.tell(str(event["text"]))
        elif event["event"] == "step" and event["step"] % 10 == 0:
            cycle.tell(f"step {event['step']} of {event['steps']}, loss {event.get('loss', 0):.4f}")

    return listen
