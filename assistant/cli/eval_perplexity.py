"""`crossroads eval perplexity`: how well a local model predicts a text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say
from graphs.errors import UsageError

if TYPE_CHECKING:
    from eval.perplexity import Figure, Measured, Text

WIKITEXT = "wikitext"
_PLAIN = (".txt", ".md", ".rst")
_ROWS = (".jsonl", ".jsonl.gz")


def perplexity(
    model: Annotated[str, typer.Argument(help="As local:NAME, local:NAME@VERSION or hf:FOLDER.", show_default=False)],
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Files or folders of text, or wikitext (the default).", show_default=False),
    ] = None,
    window: Annotated[int, typer.Option(help="Tokens the model sees at once; 0 is its context, 2048 at most.")] = 0,
    stride: Annotated[int, typer.Option(help="New tokens each window predicts; 0 is the whole window.")] = 0,
    batch: Annotated[int, typer.Option(help="Windows computed together.", min=1)] = 1,
    engine: Annotated[str, typer.Option(help="auto, transformers, openvino or onnx.")] = "auto",
    limit: Annotated[int, typer.Option(help="Only the first so many texts; 0 is all.", min=0)] = 0,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Measure the word, byte and token perplexity of a local model, adapter or export.

    Example: crossroads eval perplexity local:smollm2-135m-instruct handbook.txt --stride 512
    """
    settings = settings_for(home, set_)
    chosen = [text for each in texts or [WIKITEXT] for text in read_texts(each)]  # before any model is loaded
    chosen = chosen[:limit] if limit else chosen
    from assistant.likelihood import open_likelihood
    from eval.perplexity import measure, perplexities

    started = time.monotonic()
    opened = open_likelihood(model, settings, window=window, batch=batch, engine=engine)
    measured = measure(opened, chosen, stride, _progress(started))
    result = _result(opened.name, measured, perplexities(measured))
    result |= {"window": opened.window, "stride": stride or opened.window}
    result["seconds"] = round(time.monotonic() - started, 3)
    if as_json:
        put_json(result)
    else:
        _show(result)
    return 0


def read_texts(name: str) -> list[Text]:
    """The texts of a file or folder, or WikiText's articles. Raises `UsageError` where there are none."""
    from eval.public_data import data_file
    from eval.wikitext import read_wikitext

    if name == WIKITEXT:
        return read_wikitext(data_file("lmeval_wikitext2_valid"))
    path = Path(name).expanduser()
    files = sorted(each for each in path.rglob("*") if each.name.endswith((*_PLAIN, *_ROWS))) if path.is_dir() else []
    found = [text for file in files or [path] for text in _texts_of(file)]
    if not found:
        raise UsageError(f"{name!r} holds no text.", f"Name files ending in {', '.join((*_PLAIN, *_ROWS))}.")
    return found


def _texts_of(file: Path) -> list[Text]:
    from eval.perplexity import Text
    from eval.sample import read_rows

    if file.name.endswith(_ROWS):
        rows = [(number, row.get("text")) for number, row in read_rows(file)]
        wrong = next((number for number, text in rows if not isinstance(text, str)), None)
        if wrong:
            raise UsageError(f"{file}, line {wrong} has no `text`.", "Give each row its text under that name.")
        return [Text.of(f"{file.name}:{number}", str(text)) for number, text in rows if str(text).strip()]
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(file)!r} cannot be read: {error}.", "Name a file of text in UTF-8.") from None
    return [Text.of(file.name, text)] if text.strip() else []


def _progress(started: float) -> Any:
    def tell(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done)
        say(f"{done} of {total} texts, about {left:.0f} s left")

    return tell


def _result(name: str, measured: list[Measured], figures: dict[str, Figure]) -> dict[str, Any]:
    totals = {
        "texts": len(measured),
        "tokens": sum(each.tokens for each in measured),
        "words": sum(each.words for each in measured),
        "bytes": sum(each.bytes for each in measured),
    }
    metrics = {
        name: {"value": figure.value, "low": figure.low, "high": figure.high, "n": len(measured)}
        for name, figure in figures.items()
    }
    return {"model": name, **totals, "metrics": metrics}


def _show(result: dict[str, Any]) -> None:
    put(f"{result['model']}: {result['texts']} texts, {result['tokens']} tokens, {result['words']} words")
    put(f"window {result['window']} tokens, stride {result['stride']}")
    for name, figure in result["metrics"].items():
        between = "" if figure["low"] is None else f"   ({figure['low']:.4g} to {figure['high']:.4g})"
        put(f"{name.replace('_', ' '):<18} {figure['value']:>10.4f}{between}")
