"""Whether a model games its reward: answers grow or shrink, it drifts away, or it refuses ever more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.run import Run
from training.tuning.recipe import OnlineRecipe
from training.tuning.rewards import shares


class Gaming:
    """Compares the last steps with the first ones, and ends the run where a bar of the recipe is passed."""

    def __init__(self, recipe: OnlineRecipe, run: Run) -> None:
        self._recipe, self._run = recipe, run
        self._refusals: list[float] = []
        self._steps: list[dict[str, float]] = []
        self.why = ""
        """Why the run was ended; empty where it was not."""

    def saw(self, texts: Sequence[str]) -> None:
        """Take note of answers that are being rewarded."""
        self._refusals.append(shares(texts))

    def step(self, logs: dict[str, Any]) -> str:
        """Take note of a step's figures; why the run must end, or nothing."""
        if "completions/mean_length" not in logs:
            return ""
        self._steps.append(
            {
                "length": float(logs["completions/mean_length"]),
                "kl": float(logs.get("kl", 0.0)),
                "refusals": sum(self._refusals) / max(1, len(self._refusals)),
            }
        )
        self._refusals.clear()
        self.why = self.why or self._judge()
        return self.why

    def callback(self) -> Any:
        """The watch as transformers wants it."""
        from transformers import TrainerCallback

        gaming = self

        class Callback(TrainerCallback):
            def on_log(self, _args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # type: ignore[override]
                if why := gaming.step(logs or {}):
                    control.should_training_stop = True
                    gaming._run.note(f"ended at step {state.global_step}: {why}")

        return Callback()

    def _judge(self) -> str:
        window = self._recipe.watch_window
        if len(self._steps) < 2 * window:
            return ""
        first, last = (_mean(part) for part in (self._steps[:window], self._steps[-window:]))
        ratio = max(last["length"], 1e-9) / max(first["length"], 1e-9)
        if ratio > self._recipe.most_length_change or ratio < 1 / self._recipe.most_length_change:
            return f"answers have {last['length']:.0f} tokens, at the start {first['length']:.0f}"
        if last["kl"] > self._recipe.most_kl:
            return f"the distance to the start is {last['kl']:.2f}; most_kl is {self._recipe.most_kl}"
        risen = last["refusals"] - first["refusals"]
        if risen > self._recipe.most_refusals:
            return f"{100 * last['refusals']:.0f} % of the answers refuse, at the start {100 * first['refusals']:.0f} %"
        return ""


def _mean(steps: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
