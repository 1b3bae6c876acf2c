"""`crossroads export`: a model in another engine's format, released only where it answers alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json, say
from graphs.errors import ModelError

if TYPE_CHECKING:
    pass


def export(
    model: Annotated[str, typer.Argument(help="local:NAME, local:NAME@VERSION, hf:REPO-OR-FOLDER, or a folder.")],
    format_: Annotated[str, typer.Option("--format", help="merged, gguf, onnx, openvino or torchscript.")],
    quantize: Annotated[
        str, typer.Option("--quantize", help="gguf: f32, f16, q8_0, q4_1 …; onnx and openvino: int8, int4.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write.", show_default="exports/MODEL-FORMAT")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", help="Compare on the column text of this file.", show_default=False)
    ] = None,
    questions: Annotated[int, typer.Option("--questions", help="How many answers to compare.", min=1, max=50)] = 50,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Write a model in another format and prove that it answers alike; a missed bar stops the release.

    Example: crossroads export local:smollm2-135m-instruct --format gguf --quantize q8_0
    """
    from assistant.models.folders import adapter_base, base_folder, model_folder
    from training.export.export import export as run
    from training.export.texts import TEXTS

    settings = settings_for(home, set_)
    source = model_folder(model, settings)
    under = adapter_base(source)
    name = "-".join(part for part in (model.rpartition(":")[2].rpartition("/")[2], format_, quantize) if part)
    try:
        exported = run(
            source,
            out or Path("exports") / name.replace("@", "-"),
            format_,
            quantize,
            base=base_folder(under, settings) if under else None,
            texts=_texts(texts) or TEXTS,
            questions=questions,
            report=say,
        )
    except ImportError as error:
        cure = "Install it with: pip install 'crossroads-assistant[train]'."
        raise ModelError(
            f"Exporting to {format_} needs a package that is not installed: {error.name}.", cure
        ) from error
    found = exported.as_json()
    if as_json:
        put_json(found)
    else:
        _tell(found)
    return 0


def _texts(path: Path | None) -> list[str]:
    from itertools import islice

    from training.data.rows import rows_of, text_of

    return [text_of(row, "text") for row in islice(rows_of([path]), 64)] if path else []


def _tell(found: dict[str, Any]) -> None:
    parity = found["parity"]
    put(f"{found['folder']} answers as the model does")
    if parity["few_bits"] < 1:
        put(f"  {parity['few_bits']:.0%} of the weights have as few bits as asked for, the others, for parity, eight")
    for name in ("argmax_agreement", "max_abs_diff", "kl", "perplexity_ratio", "same_answers"):
        put(f"  {name:<18} {parity[name]:<10g} bar {parity['bars'][name]:g}")
