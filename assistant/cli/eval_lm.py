"""`crossroads eval lm-eval`: tasks of the Language Model Evaluation Harness on a model or the whole assistant."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Run, Set, session, settings_for
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import StorageError, UsageError

if TYPE_CHECKING:
    from eval.harness import HarnessOptions

ASSISTANT = "assistant"


def lm_eval(
    model: Annotated[
        str, typer.Argument(help="local:NAME, hf:FOLDER, assistant or assistant:PATH.", show_default=False)
    ] = "",
    tasks: Annotated[str, typer.Option(help="Names of tasks, separated by commas.", show_default=False)] = "",
    list_: Annotated[bool, typer.Option("--list", help="Name the tasks that come with the project.")] = False,
    include: Annotated[
        list[Path] | None, typer.Option(help="A folder with task files of your own.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(help="Only the first so many rows of each task; 0 is all.", min=0)] = 0,
    fewshot: Annotated[int, typer.Option(help="Worked examples in each prompt; -1 is each task's own.", min=-1)] = -1,
    chat: Annotated[bool, typer.Option("--chat", help="Ask through the model's chat template.")] = False,
    batch: Annotated[int, typer.Option(help="Rows computed together.", min=1)] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Where every row and answer go, as JSON Lines.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Run tasks of lm-eval on a local model, an adapter, or the whole assistant.

    Example: crossroads eval lm-eval local:smollm2-135m-instruct --tasks crossroads_piqa,crossroads_copa --limit 200
    """
    from eval.harness import HarnessOptions, local_tasks

    if list_:
        _show_tasks(local_tasks(), as_json)
        return 0
    wanted = tuple(name.strip() for name in tasks.split(",") if name.strip())
    if not model or not wanted:
        cure = "crossroads eval lm-eval MODEL --tasks NAME,NAME; --list names the tasks that come with the project."
        raise UsageError("A model and at least one task are needed.", cure)
    shots = None if fewshot < 0 else fewshot
    options = HarnessOptions(wanted, tuple(include or ()), limit, shots, chat)
    started = time.monotonic()
    if model.partition(":")[0] == ASSISTANT:
        with session(home, set_) as run:
            result = _on_assistant(run, model, options)
    else:
        result = _on_weights(model, options, batch, settings_for(home, set_))
    result["seconds"] = round(time.monotonic() - started, 3)
    samples = result.pop("samples")
    if out:
        _write(out, samples)
    _show(result, as_json)
    return 1 if result["failed"] else 0


def _show_tasks(names: list[str], as_json: bool) -> None:
    if as_json:
        put_json({"tasks": names})
    else:
        for name in names:
            put(name)


def _on_weights(model: str, options: HarnessOptions, batch: int, settings: Any) -> dict[str, Any]:
    from assistant.engines.loading import pick_device
    from assistant.likelihood import find_source, load_transformers
    from eval.harness import run_tasks, weights_model

    source = find_source(model, settings)
    loaded, tokenizer = load_transformers(source, settings)
    found = run_tasks(weights_model(loaded, tokenizer, batch, pick_device(settings)), options)
    return {"model": model, "failed": 0, **found}


def _on_assistant(run: Run, model: str, options: HarnessOptions) -> dict[str, Any]:
    from eval.harness import asked_model, run_tasks

    path = model.partition(":")[2] or "auto"

    def ask(messages: list[dict[str, str]], most: int) -> str:
        *before, last = messages
        asked = {"question": last["content"], "path": path, "history": before, "answer_tokens": most}
        return str(run("ask", asked, quiet)["answer"]["text"])

    asked = asked_model(ask, model, lambda done, total: say(f"{done} of {total} answered"))
    found = run_tasks(asked, options)
    for failure in asked.failures[:3]:
        say(f"failed: {failure}")
    return {"model": model, "failed": len(asked.failures), **found}


def _write(out: Path, samples: dict[str, list[dict[str, Any]]]) -> None:
    rows = [{"task": task, **row} for task, each in samples.items() for row in each]
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{str(out)!r} cannot be written: {error.strerror}.", "Name another file.") from None


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        put_json(result)
        return
    put(f"{result['model']}, lm-eval {result['lm_eval']}, {result['failed']} failed, {result['seconds']:.0f} s")
    for task, found in result["tasks"].items():
        for name, figure in found["metrics"].items():
            between = "" if figure["low"] is None else f"   ({figure['low']:.3f} to {figure['high']:.3f})"
            put(f"{task:<28} {name:<22} {figure['value']:>9.4f}{between}   n {found['n']}")
