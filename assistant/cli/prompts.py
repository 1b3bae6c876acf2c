"""`crossroads prompts`: the prompts in use, and which of two versions does better on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say

if TYPE_CHECKING:
    from eval.sample import Sample

app = typer.Typer(help="See and compare the prompts.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(help="A prompt, such as passages or passages@2, or a file.")]


@app.command("list")
def list_(as_json: Json = False) -> int:
    """List the prompts, each with its version and hash.

    Example: crossroads prompts list
    """
    from graphs.prompts import names, parse, read

    found = [{"reference": name, **parse(*read(name))[1].model_dump()} for name in names()]
    if as_json:
        put_json({"prompts": found})
        return 0
    for row in found:
        put(f"{row['reference']:<20} version {row['version']}  {row['sha256'][:12]}")
    return 0


@app.command("show")
def show(prompt: Reference, as_json: Json = False) -> int:
    """Print a prompt.

    Example: crossroads prompts show passages
    """
    from graphs.prompts import parse, read

    text, reference = parse(*read(prompt))
    if as_json:
        put_json({**reference.model_dump(), "text": text})
    else:
        put(text)
    return 0


@app.command("compare")
def compare(
    first: Reference,
    second: Reference,
    dataset: Annotated[Path, typer.Argument(help="JSON Lines of samples with input and target.", show_default=False)],
    path: Annotated[str, typer.Option(help="The path the samples take.")] = "auto",
    limit: Annotated[int, typer.Option(help="Only so many samples; 0 takes all.")] = 0,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Answer a dataset with each of two versions of a prompt and compare, row by row.

    Example: crossroads prompts compare passages my/passages.md docs/questions.jsonl --path rag
    """
    from assistant.app import open_assistant
    from assistant.prompting import compare_prompts
    from eval.sample import read_samples

    samples: list[Sample] = [sample for sample in read_samples(dataset) if sample.target][: limit or None]
    with open_assistant(settings_for(home, set_), progress=say) as assistant:
        found = compare_prompts(assistant, first, second, samples, path, say)
    if as_json:
        put_json(found)
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    for side in ("first", "second"):
        row = found[side]
        put(f"{row['reference']:<24} version {row['version']}  F1 {row['f1']:.1f}  abstained {row['abstained']}")
    gain, low, high = found["difference"]
    put(f"second less first: {gain:+.1f} ({low:+.1f} to {high:+.1f}) on {found['n']} samples. {found['verdict']}")
