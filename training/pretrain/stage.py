"""Pretraining as a stage: checked data first, then the model, then the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphs.errors import NotFoundError, UsageError
from training.data.clean import side_of
from training.data.packing import Stream, write_stream
from training.data.rows import files_of, rows_of, text_of
from training.pretrain.devices import on_processor
from training.pretrain.objectives import check_tokens
from training.pretrain.recipe import PretrainRecipe
from training.registry import Kind, ModelVersion
from training.run import Run

_KINDS: dict[str, Kind] = {"gpt": "chat", "llama": "chat", "bert": "encoder", "t5": "seq2seq"}


def run_pretrain(recipe: PretrainRecipe, run: Run) -> ModelVersion:
    """Pretrain and measure on held-out text before and after. Raises `UsageError` for data that cannot serve, before
    the model is built."""
    run.use_data(files_of([*recipe.data, *recipe.dev]))
    base = run.resolve(recipe.base) if recipe.base else None
    tokenizer = load_tokenizer(run.resolve(recipe.tokenizer) if recipe.tokenizer else base)
    streams = token_streams(recipe, run, tokenizer)
    from training.pretrain.loop import Loop
    from training.pretrain.model import new_model

    loop = Loop(recipe, run, new_model(recipe, tokenizer, base), tokenizer, streams)
    began = first_perplexity(loop, run)
    found = loop.go()
    if loop.accelerator.is_main_process:
        loop.bare.save_pretrained(run.model)
        tokenizer.save_pretrained(run.model)
    loop.accelerator.wait_for_everyone()
    metrics = {**found, "perplexity_before": began, "tokens": loop.step * loop.tokens_of_step()}
    return run.finish(_KINDS[recipe.architecture], metrics, base=recipe.base)


def first_perplexity(loop: Any, run: Run) -> float:
    """Held-out perplexity before the first step; a continued run finds it in its log."""
    for event in run.events("evaluation"):
        if event["step"] == 0:
            return float(event["perplexity"])
    return float(loop.evaluate()["perplexity"])


def load_tokenizer(folder: Path | None) -> Any:
    """The tokenizer of a folder. Raises `NotFoundError` where it has none."""
    from transformers import AutoTokenizer

    if folder is None or not (folder / "tokenizer.json").is_file():
        cure = "Train one: `crossroads train tokenizer`, then name its folder or local:NAME."
        raise NotFoundError(f"{str(folder)!r} has no tokenizer.json.", cure)
    return AutoTokenizer.from_pretrained(folder)


def token_streams(recipe: PretrainRecipe, run: Run, tokenizer: Any) -> tuple[Stream, Stream]:
    """Train and held-out tokens, kept in the run's folder. Raises `UsageError` where they do not fill a block, or a
    held-out text is trained on."""
    check_tokens(recipe, tokenizer)
    folder = run.folder / "tokens"

    def keep(side: str) -> Any:
        return None if recipe.dev else lambda text: side_of(text, recipe.held_out, 0, recipe.seed) == side

    from accelerate import PartialState

    read = [(recipe.data, "train"), (recipe.dev or recipe.data, "dev")]
    with PartialState(cpu=on_processor()).main_process_first():  # the first one writes, the others read
        if recipe.dev:
            _apart(recipe)
        train, dev = (
            write_stream(sources, recipe.text, tokenizer, folder / f"{side}.bin", keep(side), run.note)
            for sources, side in read
        )
    for name, stream, least in (("train", train, recipe.batch), ("held-out", dev, 1)):
        if stream.blocks(recipe.context) < least:
            said = f"The {name} text has {len(stream.tokens)} tokens, too few for {least} blocks of {recipe.context}."
            raise UsageError(said, "Give more text, or lower context, batch or raise held_out.")
    run.note(f"{train.texts} texts, {len(train.tokens)} tokens; held out {len(dev.tokens)} tokens")
    return train, dev


def _apart(recipe: PretrainRecipe) -> None:
    """Raise `UsageError` where a held-out text stands in the training data as well."""
    held = {" ".join(text_of(row, recipe.text).split()) for row in rows_of(recipe.dev)}
    for row in rows_of(recipe.data):
        if " ".join(text_of(row, recipe.text).split()) in held:
            cure = "Remove it: crossroads data clean SOURCE --against HELD-OUT-FILE."
            raise UsageError(f"{row.where} stands in the held-out files as well.", cure)
