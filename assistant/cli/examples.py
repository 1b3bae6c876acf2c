"""`crossroads examples`: the worked examples that few-shot prompts show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, session
from assistant.cli.output import put, put_json, quiet

app = typer.Typer(help="Keep worked examples for few-shot prompts.", no_args_is_help=True)
Task = Annotated[
    str,
    typer.Option(help="answer, summarise, classify, sentiment, translate, extract or rewrite.", show_default=False),
]


@app.command("add")
def add(
    text: Annotated[str, typer.Argument(help="What was asked, or the text that was worked on.")],
    output: Annotated[str, typer.Argument(help="The right answer to it.")],
    task: Task = "answer",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Keep one example.

    Example: crossroads examples add "My card was stolen" lost_card --task classify
    """
    rows = [{"task": task, "input": text, "output": output}]
    return _put_added(_run("examples/add", {"examples": rows}, home, set_), as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON Lines with input and output.", show_default=False)],
    task: Task = "",
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Keep the examples of a file; one known already is replaced.

    Example: crossroads examples import intents.jsonl --task classify
    """
    from assistant.examples import read_examples

    rows = [example.model_dump() for example in read_examples(file, task)]
    return _put_added(_run("examples/add", {"examples": rows}, home, set_), as_json)


@app.command("list")
def list_(task: Task = "", home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """List the examples, the newest first.

    Example: crossroads examples list --task classify
    """
    result = _run("examples/list", {"task": task}, home, set_)
    if as_json:
        put_json(result)
        return 0
    for row in result["examples"]:
        shown = f"{_short(row['input'])} → {_short(row['output'])}"
        put(f"{row['example_id']}  {row['task']:<10} {row['origin']:<6} {shown}")
    return 0


@app.command("remove")
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids, as the list shows them.", show_default=False)],
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Forget examples.

    Example: crossroads examples remove 1f2e3d4c5b6a7988
    """
    result = _run("examples/remove", {"ids": ids}, home, set_)
    if as_json:
        put_json(result)
    else:
        put(f"{result['removed']} removed")
    return 0


def _run(operation: str, arguments: dict[str, Any], home: Path | None, set_: list[str] | None) -> Any:
    with session(home, set_, tell=False) as run:
        return run(operation, arguments, quiet)


def _put_added(result: dict[str, Any], as_json: bool) -> int:
    if as_json:
        put_json(result)
    else:
        put(f"{result['added']} kept")
    return 0


def _short(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
