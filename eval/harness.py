"""The bridge to the Language Model Evaluation Harness (lm-eval): its tasks on our models and on the whole assistant.

Nothing is scored here: the figures are those of `lm_eval.simple_evaluate` with the seeds of its own command, so they
are equal to that command's for the same model and rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphs.errors import CrossroadsError, ModelError, NotFoundError, UsageError

TASKS = Path(__file__).resolve().parent / "lm_eval_tasks"
"""Task files over the public sets in `CROSSROADS_DATA`, and one over rows of our own."""
_Z = 1.959964

Ask = Callable[[list[dict[str, str]], int], str]
"""Messages (`role`, `content`) and the most tokens to write → the answer's text. Raises `CrossroadsError`."""


@dataclass(frozen=True)
class HarnessOptions:
    """How tasks are run; the names are lm-eval's."""

    tasks: tuple[str, ...]
    include: tuple[Path, ...] = ()
    """Folders with further task files."""
    limit: int = 0
    """Rows of each task; 0 is all."""
    num_fewshot: int | None = None
    """None is each task's own."""
    chat_template: bool = False


def local_tasks() -> list[str]:
    """Names of the tasks whose files come with the project."""
    names = [_task_of(file.read_text(encoding="utf-8")) for file in TASKS.glob("*.yaml")]
    return sorted(name for name in names if name)


def _task_of(text: str) -> str:
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("task:")), "")


def run_tasks(model: Any, options: HarnessOptions) -> dict[str, Any]:
    """Run tasks on an `lm_eval.api.model.LM`: `tasks` (name → `n`, `version`, `metrics`) and lm-eval's `samples`.

    A metric is `value` with a normal 95 % interval from lm-eval's standard error, which is None where it has none.
    Raises `NotFoundError` for an unknown task and `UsageError` where its data cannot be had.
    """
    import lm_eval

    manager = _manager(options)
    try:
        found: Any = lm_eval.simple_evaluate(
            model=model,
            tasks=list(options.tasks),
            task_manager=manager,
            num_fewshot=options.num_fewshot,
            limit=options.limit or None,
            apply_chat_template=options.chat_template,
            log_samples=True,
        )
    except CrossroadsError:
        raise
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise _explained(error, options) from error
    return {"tasks": _figures(found), "samples": found["samples"], "lm_eval": lm_eval.__version__}


def _manager(options: HarnessOptions) -> Any:
    """A manager that knows the tasks; lm-eval's own thousands are only read where ours do not suffice."""
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    paths = [str(TASKS), *(str(folder) for folder in options.include)]
    manager = TaskManager(include_path=paths, include_defaults=False)
    unknown = set(options.tasks) - set(manager.all_tasks)
    if not unknown:
        return manager
    manager = TaskManager(include_path=paths)
    if unknown := set(options.tasks) - set(manager.all_tasks):
        cure = f"`crossroads eval lm-eval --list` names those of this project; lm-eval has {len(manager.all_tasks)}."
        raise NotFoundError(f"There is no task {sorted(unknown)[0]!r}.", cure)
    return manager


def _explained(error: Exception, options: HarnessOptions) -> CrossroadsError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    names = ", ".join(options.tasks)
    if isinstance(error, NotImplementedError):
        return UsageError(f"This model cannot do {names}: {first}", "Choose tasks of the type generate_until.")
    if isinstance(error, OSError):
        cure = "Tasks of the hub need a connection; those of `crossroads eval lm-eval --list` use CROSSROADS_DATA."
        return ModelError(f"The rows of {names} cannot be had: {first}", cure)
    return UsageError(f"lm-eval cannot run {names}: {first}", "Mend the task file or the options.")


def _figures(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tasks = {}
    for task, values in found["results"].items():
        if task not in found["configs"]:
            continue  # a group's mean of its tasks: those stand for themselves
        metrics = {}
        for key, value in values.items():
            name, _, filtered = key.partition(",")
            if not filtered or name.endswith("_stderr") or not _is_number(value):
                continue
            label = name if filtered == "none" else f"{name} ({filtered})"
            metrics[label] = _figure(float(value), values.get(f"{name}_stderr,{filtered}"))
        n = int(found["n-samples"][task]["effective"])
        tasks[task] = {"n": n, "version": str(found["versions"].get(task, "")), "metrics": metrics}
    return tasks


def _figure(value: float, error: Any) -> dict[str, Any]:
    if not _is_number(error):
        return {"value": value, "low": None, "high": None}
    return {"value": value, "low": value - _Z * float(error), "high": value + _Z * float(error)}


def _is_number(value: Any) -> bool:
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False


def weights_model(model: Any, tokenizer: Any, batch: int, device: str = "cpu") -> Any:
    """A loaded transformers model as lm-eval's own `hf` model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, device=device)


def asked_model(ask: Ask, name: str, progress: Callable[[int, int], None] | None = None) -> Any:
    """Anything that can be asked as an lm-eval model of the type `generate_until`.

    A question that fails is answered by the empty text, so that it stays in the denominator, and is counted in
    `failures`. Tasks that need probabilities are refused: an assistant has none.
    """
    from lm_eval.api.model import LM

    class Asked(LM):  # type: ignore[misc]
        tokenizer_name = name

        def __init__(self) -> None:
            super().__init__()
            self.failures: list[str] = []

        def generate_until(self, requests: Sequence[Any], **_: Any) -> list[str]:
            written = []
            for number, request in enumerate(requests, start=1):
                written.append(self._one(*request.args))
                if progress:
                    progress(number, len(requests))
            return written

        def _one(self, prompt: str, options: Mapping[str, Any]) -> str:
            try:
                text = ask(_messages(prompt), int(options.get("max_gen_toks", 256)))
            except CrossroadsError as error:
                self.failures.append(str(error))
                return ""
            return _until(text, options.get("until") or [])

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            del add_generation_prompt
            return _CHAT + json.dumps(chat_history, ensure_ascii=False)

        def loglikelihood(self, requests: Sequence[Any]) -> Any:
            raise NotImplementedError(f"{name} gives answers, not probabilities.")

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> Any:
            raise NotImplementedError(f"{name} gives answers, not probabilities.")

    return Asked()


_CHAT = "\x00chat"
"""Marks a prompt that is a list of messages: lm-eval passes prompts on as text."""


def _messages(prompt: str) -> list[dict[str, str]]:
    if prompt.startswith(_CHAT):
        messages: list[dict[str, str]] = json.loads(prompt.removeprefix(_CHAT))
        return messages
    return [{"role": "user", "content": prompt}]


def _until(text: str, stops: Sequence[str] | str) -> str:
    for stop in [stops] if isinstance(stops, str) else stops:
        if stop and stop.strip() and stop in text:
            text = text[: text.index(stop)]
        elif stop and not stop.strip():
            text = text.lstrip(stop).split(stop)[0]  # an answer may begin with a line break; one inside ends it
    return text
