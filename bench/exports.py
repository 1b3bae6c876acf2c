"""Parity of the default model and of a tuned adapter in every format and precision: one table.

Without `--adapter` a LoRA adapter is trained for `--steps` on the questions and answers of our documentation: parity
asks whether the export answers as base and adapter do, not whether they are good. The adapter is held against its
exports unmerged.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # before this folder, which has a training.py of its own

from assistant.config import load_settings  # noqa: E402
from assistant.models.folders import model_folder  # noqa: E402
from graphs.errors import CrossroadsError  # noqa: E402
from training.export.export import Source, open_source, release  # noqa: E402
from training.stages import load_recipe, train  # noqa: E402

QUESTIONS = ROOT / "docs" / "questions.jsonl"
CASES = [
    ("merged", ""),
    ("gguf", "f32"),
    ("gguf", "f16"),
    ("gguf", "q8_0"),
    ("gguf", "q5_1"),
    ("gguf", "q5_0"),
    ("gguf", "q4_1"),
    ("gguf", "q4_0"),
    ("onnx", ""),
    ("onnx", "int8"),
    ("onnx", "int4"),
    ("openvino", ""),
    ("openvino", "int8"),
    ("openvino", "int4"),
    ("torchscript", ""),
]


WIDEST = ("", "f16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="local:smollm2-135m-instruct")
    parser.add_argument("--adapter", type=Path, help="a folder of PEFT")
    parser.add_argument("--steps", type=int, default=10, help="of the adapter that is trained without --adapter")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--formats", default="", help="such as gguf,onnx; all without")
    parser.add_argument("--only", default="model,adapter")
    parser.add_argument("--quantised", default="model,adapter", help="of which fewer bits are tried as well")
    options = parser.parse_args()
    base = model_folder(options.model, load_settings({}))
    print("| what | format | bits | same best token | max diff | KL | perplexity ratio | same answers | passed | s |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for what in options.only.split(","):
            source = base if what == "model" else options.adapter or _adapter(base, Path(folder), options.steps)
            opened = _remembering(open_source(source, base))
            for number, (format_, quantise) in enumerate(CASES):
                wanted = not options.formats or format_ in options.formats.split(",")
                if wanted and (what in options.quantised.split(",") or quantise in WIDEST):
                    _row(what, opened, Path(folder) / f"{what}-{number}", format_, quantise, options.questions)


def _remembering(opened: Source) -> Source:
    """What everything is held against, the answers and the logits of the texts, worked out once."""
    answers: dict[tuple[int, ...], list[int]] = {}
    scored: dict[tuple[int, ...], Any] = {}
    plain = opened.reference

    def write(ids: list[int], most: int) -> list[int]:
        if tuple(ids) not in answers:
            answers[tuple(ids)] = plain.write(ids, most)
        return answers[tuple(ids)]

    def logits(ids: list[int]) -> Any:
        if tuple(ids) not in scored:
            scored[tuple(ids)] = plain.logits(ids)
        return scored[tuple(ids)]

    return replace(opened, reference=replace(plain, write=write, logits=logits))


def _row(what: str, opened: Source, out: Path, format_: str, quantise: str, questions: int) -> None:
    began = time.monotonic()
    try:
        share = release(opened, out, format_, quantise, questions=questions).parity.few_bits
        folder, said = out, "yes" if share == 1 else f"yes, with {share:.0%} of the weights"
    except CrossroadsError as error:
        folder, said = out.with_name(out.name + ".failed"), f"no: {error.message}"
    path = folder / "parity.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    names = ("argmax_agreement", "max_abs_diff", "kl", "perplexity_ratio", "same_answers")
    figures = " | ".join(f"{found[name]:g}" if found else "" for name in names)
    print(f"| {what} | {format_} | {quantise} | {figures} | {said} | {time.monotonic() - began:.0f} |", flush=True)
    shutil.rmtree(folder, ignore_errors=True)


def _adapter(base: Path, folder: Path, steps: int) -> Path:
    """Tune an adapter for a few steps; what ships of it."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    data = folder / "rows.jsonl"
    lines = [json.dumps({"prompt": row["input"], "completion": row["target"]}) for row in rows if row["target"]]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    keys = {"base": str(base), "data": [str(data)], "out": str(folder / "run"), "steps": steps, "batch": 4}
    keys |= {"max_length": 256, "too_long": "drop", "judge_rows": 2, "answer_tokens": 1, "accumulation": 1}
    keys |= {"evaluate_every": 1000, "checkpoint_every": 1000, "learning_rate": 1e-3, "patience": 0, "dev_share": 0.1}
    return train(load_recipe("style", keys)).folder


if __name__ == "__main__":
    main()
