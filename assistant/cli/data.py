"""`crossroads data`: texts counted, cleaned, split and tokenised before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, session, settings_for
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import UsageError

app = typer.Typer(help="Prepare texts for training: count, clean, split, tokenise.", no_args_is_help=True)
Sources = Annotated[
    list[str],
    typer.Argument(help="Files, folders, knowledge:COLLECTION, or hub:NAME.", show_default=False, metavar="SOURCE…"),
]
Text = Annotated[
    list[str] | None, typer.Option("--text", help="A column with text; several make a pair.", show_default="text")
]
Out = Annotated[Path, typer.Option("--out", help="The folder to write to.", show_default=False)]
Group = Annotated[str, typer.Option("--group", help="A column whose equal values stay on one side of the split.")]
Seed = Annotated[int, typer.Option("--seed", help="Decides the split.")]


@app.command("clean")
def clean(
    sources: Sources,
    out: Out,
    text: Text = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="Keep texts of this language, such as en.")
    ] = None,
    min_words: Annotated[int, typer.Option("--min-words", help="Remove texts of fewer words.")] = 1,
    quality: Annotated[bool, typer.Option("--quality", help="Remove what breaks Gopher's rules.")] = False,
    keep_personal: Annotated[bool, typer.Option("--keep-personal", help="Mask no addresses and numbers.")] = False,
    no_near: Annotated[bool, typer.Option("--no-near", help="Keep near duplicates.")] = False,
    spelling: Annotated[
        Path | None, typer.Option("--spelling", help="Put right the typos of this file.", show_default=False)
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Remove texts of this evaluation set; all known ones if none is named."),
    ] = None,
    dev: Annotated[float, typer.Option("--dev", help="Share held back for development.", min=0, max=0.5)] = 0.0,
    test: Annotated[float, typer.Option("--test", help="Share held back for the test.", min=0, max=0.5)] = 0.0,
    group: Group = "",
    seed: Seed = 13,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Mend, filter, mask, deduplicate, decontaminate and split texts; interrupted, it continues.

    Example: crossroads data clean notes/ rows.jsonl --out clean --language en --dev 0.05 --test 0.05
    """
    from training.data.clean import Cleaning
    from training.data.clean import clean as run
    from training.data.contamination import evaluation_sets

    cleaning = Cleaning(
        _resolved(sources, out, home),
        out,
        fields=tuple(text or ["text"]),
        group=group,
        languages=tuple(language or ()),
        least_words=min_words,
        quality=quality,
        mask=not keep_personal,
        near=not no_near,
        misspellings=spelling,
        against=against or evaluation_sets(),
        dev=dev,
        test=test,
        seed=seed,
    )
    found = run(cleaning, say)
    if as_json:
        put_json({"out": str(out), **found})
        return 0
    put(f"{found['kept']} of {found['rows']} rows kept in {out}")
    for name, count in found["removed"].items():
        put(f"  {count:>8} removed: {name}")
    for name, count in found["changed"].items():
        put(f"  {count:>8} changed: {name}")
    put(f"Examples of what was removed: {out / 'removed.csv'}")
    return 0


@app.command("collect")
def collect(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", help="The file of JSON Lines to write.", show_default=False)],
    text: Text = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Bring files, tables, collections and sets of the hub together in one file, changing nothing.

    Example: crossroads data collect notes/ prices.csv knowledge:handbook --out texts.jsonl
    """
    from training.data.rows import collect as run

    out.parent.mkdir(parents=True, exist_ok=True)
    counts = run(_resolved(sources, out.parent, home), tuple(text or ["text"]), out)
    return _show({"file": str(out), **counts}, as_json)


@app.command("stats")
def stats(sources: Sources, text: Text = None, home: Home = None, as_json: Json = False) -> int:
    """Count texts, words, lengths and languages.

    Example: crossroads data stats books.jsonl.gz
    """
    from training.data.rows import rows_of, text_of
    from training.data.statistics import Statistics

    counted = Statistics()
    for row in rows_of(_resolved(sources, None, home)):
        counted.add("\n".join(text_of(row, name) for name in text or ["text"]))
    return _show(counted.report(), as_json)


@app.command("split")
def split(
    sources: Sources,
    out: Out,
    dev: Annotated[float, typer.Option("--dev", help="Share held back for development.", min=0, max=0.5)] = 0.05,
    test: Annotated[float, typer.Option("--test", help="Share held back for the test.", min=0, max=0.5)] = 0.05,
    text: Text = None,
    group: Group = "",
    seed: Seed = 13,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Split rows into train, dev and test by their content, changing and removing nothing but repeats.

    Example: crossroads data split rows.jsonl --out split --group document_id
    """
    from training.data.clean import Cleaning
    from training.data.clean import clean as run

    fields = tuple(text or ["text"])
    plan = Cleaning(
        _resolved(sources, out, home), out, fields, group, mask=False, near=False, dev=dev, test=test, seed=seed
    )
    return _show({"out": str(out), **run(plan, say)["files"]}, as_json)


@app.command("tokenize")
def tokenize(
    sources: Sources,
    out: Out,
    tokenizer: Annotated[str, typer.Option("--tokenizer", help="A model or tokenizer: local:NAME or a folder.")],
    text: Text = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Tokenise texts into one packed stream, as pretraining reads it, and report fertility and round trip.

    Example: crossroads data tokenize books.jsonl.gz --tokenizer local:smollm2-135m-instruct --out tokens
    """
    from transformers import AutoTokenizer

    from assistant.models.folders import model_folder
    from training.data.packing import write_stream
    from training.data.rows import rows_of, text_of
    from training.tokenizer.stage import report

    found: Any = AutoTokenizer.from_pretrained(model_folder(tokenizer, settings_for(home)))
    files, column = _resolved(sources, out, home), (text or ["text"])[0]
    stream = write_stream(files, column, found, out / "tokens.bin", report=say)
    some = [text_of(row, column) for _, row in zip(range(500), rows_of(files), strict=False)]
    counts = {"tokens": len(stream.tokens), "texts": stream.texts, "words": stream.words}
    return _show({"file": str(out / "tokens.bin"), **counts, **report(found, some)}, as_json)


@app.command("baseline")
def baseline(
    sources: Sources,
    text: Text = None,
    label: Annotated[str, typer.Option("--label", help="The column with the label.")] = "label",
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Sort texts without a neural network: what a tuned classifier has to beat.

    Example: crossroads data baseline intents.jsonl.gz --label label
    """
    from training.data.classical import baseline as run

    return _show(run(_resolved(sources, None, home), (text or ["text"])[0], label), as_json)


@app.command("generate")
def generate(
    sources: Sources,
    out: Annotated[Path, typer.Option("--out", help="The file to write.", show_default=False)],
    model: Annotated[str, typer.Option("--model", help="The teacher, as provider:model.", show_default=False)],
    text: Text = None,
    system: Annotated[str, typer.Option("--system", help="Told to the teacher before each prompt.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Let a teacher answer prompts, for sequence-level distillation; interrupted, it continues.

    Example: crossroads data generate prompts.jsonl --text prompt --model openai:gpt-4o-mini --out taught.jsonl
    """
    from assistant.generating import generate as run
    from assistant.providers import chat_model

    files = _resolved(sources, out.parent, home)
    found = run(chat_model(model, settings_for(home)), files, (text or ["prompt"])[0], out, system, say)
    _show({"file": str(out), **found}, as_json)
    return int(found["failed"] > 0)


def _resolved(sources: list[str], out: Path | None, home: Path | None) -> list[str]:
    """The sources, with collections of the knowledge base written out as files."""
    return [_export(source, out, home) if source.startswith("knowledge:") else source for source in sources]


def _export(source: str, out: Path | None, home: Path | None) -> str:
    import tempfile

    collection = source.removeprefix("knowledge:")
    folder = out or Path(tempfile.mkdtemp(prefix="crossroads-"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"knowledge-{collection or 'all'}.jsonl"
    with session(home, None) as run, path.open("w", encoding="utf-8") as lines:
        documents = run("knowledge/list", {"collection": collection}, quiet)["documents"]
        if not documents:
            raise UsageError(f"The collection {collection!r} holds no documents.", "See `crossroads knowledge list`.")
        for document in documents:
            shown = run("knowledge/show", {"document": document["document_id"]}, quiet)
            row = {"id": document["document_id"], "title": document["title"], "source": document["source"]}
            lines.write(json.dumps({**row, "text": shown["text"]}, ensure_ascii=False) + "\n")
    return str(path)


def _show(found: dict[str, Any], as_json: bool) -> int:
    if as_json:
        put_json(found)
        return 0
    for name, value in found.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        put(f"{name:<22} {shown}")
    return 0
