"""`crossroads eval new`: asks what to measure and writes a suite; can draft questions from documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say
from graphs.errors import StorageError, UsageError

if TYPE_CHECKING:
    from assistant.config import Settings
    from eval.sample import Sample

_SCORERS = "f1,answerability,grounding"
_HEAD = """\
# Run it:   crossroads eval run {file}
# Judge it: crossroads eval gate RUN --baseline EARLIER
# Every key is explained in docs/guide/evaluating.md.
"""


def new(
    name: Annotated[str, typer.Argument(help="The suite's name; its file is NAME.yaml.", show_default=False)] = "",
    data: Annotated[str, typer.Option(help="The file of questions.", show_default=False)] = "",
    draft: Annotated[
        Path | None, typer.Option(help="Draft questions from this document or folder.", show_default=False)
    ] = None,
    questions: Annotated[int, typer.Option(help="How many to draft.", min=1, max=500)] = 20,
    target: Annotated[
        str, typer.Option(help="assistant, model, retrieval, routing, grounding.", show_default=False)
    ] = "",
    scorers: Annotated[str, typer.Option(help="Names, with commas between.", show_default=False)] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Confirm each drafted question now.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Write a suite: asks for what is not given. Drafted questions count only when a person has confirmed them.

    Example: crossroads eval new warranty --data questions.csv --target assistant --scorers f1,answerability

    Example: crossroads eval new handbook --draft handbook/ --questions 30 --confirm
    """
    name = name or _ask("Name of the suite", "my-suite")
    if not data and draft is None:
        data = _ask("File of questions (columns id, input, target)", f"{name}.csv")
    target = target or _ask("What to ask: assistant, model, retrieval, routing, grounding", "assistant")
    scorers = scorers or _ask("Scorers", "f1,retrieval" if target == "retrieval" else _SCORERS)
    file = Path(f"{name}.yaml")
    _free(file)
    definition = _definition(name, data or f"{name}.jsonl", target, scorers, draft)
    _check(definition, file)
    rows = 0
    if draft is not None:
        rows = _draft(settings_for(home, set_), draft, questions, Path(f"{name}.jsonl"), confirm)
    file.write_text(_HEAD.format(file=file) + _yaml(definition), encoding="utf-8")
    if as_json:
        put_json({"suite": str(file), "drafted": rows})
        return 0
    put(f"{file} is written.")
    if rows and not confirm:
        say(f"Read {name}.jsonl, mend or delete rows, and set `confirmed` to true: only those rows are asked.")
    return 0


def _ask(what: str, default: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"{what}: not given, and nobody is there to ask.", "Give it as an option; see --help.")
    return str(typer.prompt(what, default=default, err=True))


def _free(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{str(file)!r} is there already.", "Choose another name, or delete it.")


def _definition(name: str, data: str, target: str, scorers: str, draft: Path | None) -> dict[str, Any]:
    dataset: Any = {"path": data, "where": {"metadata.confirmed": True}, "group": "source"} if draft else data
    aim: Any = {"kind": target, "knowledge": str(draft)} if draft and target != "model" else target
    names = [scorer.strip() for scorer in scorers.split(",") if scorer.strip()]
    return {"name": name, "dataset": dataset, "target": aim, "scorers": names}


def _check(definition: dict[str, Any], file: Path) -> None:
    """The suite is one before it is written. Raises `UsageError`."""
    from pydantic import ValidationError

    from eval.suite import Suite

    try:
        Suite(**definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file}: {where}: {first['msg']}.", "See `crossroads eval new --help`.") from None


def _yaml(definition: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(definition, sort_keys=False, allow_unicode=True))


def _draft(settings: Settings, documents: Path, count: int, file: Path, confirm: bool) -> int:
    """Write the drafted questions; how many there are."""
    from assistant.evaluation.drafting import draft
    from assistant.evaluation.homes import open_for
    from eval.dataset import Places

    _free(file)
    with open_for(settings, str(documents), Places(Path.cwd() / "x.yaml"), say) as assistant:
        kept = [sample for sample in map(_confirmed if confirm else _as_drafted, draft(assistant, count)) if sample]
    if not kept:
        raise UsageError(f"No question could be drafted from {str(documents)!r}.", "Write a few by hand instead.")
    try:
        file.write_text(
            "".join(json.dumps(sample.model_dump(), ensure_ascii=False) + "\n" for sample in kept), encoding="utf-8"
        )
    except OSError as error:
        raise StorageError(f"{str(file)!r} cannot be written: {error.strerror}.", "Choose another folder.") from None
    return len(kept)


def _as_drafted(sample: Sample) -> Sample | None:
    say(f"{sample.id}: {sample.input}")
    return sample


def _confirmed(sample: Sample) -> Sample | None:
    """The sample as a person wants it; None where they do not."""
    say(f"\n{sample.metadata['title']}: {sample.target}")
    text = typer.prompt("Question (Enter keeps it, - drops it)", default=sample.input, err=True)
    if text.strip() == "-":
        return None
    about = {**sample.metadata, "confirmed": True}
    return sample.model_copy(update={"input": text.strip(), "metadata": about})
