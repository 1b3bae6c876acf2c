"""Parity of the default model and of an adapter in every format and precision: one table.

Without `--adapter` a LoRA adapter with random weights of a tuned one's size is made: parity asks whether the export
answers as the model does, not whether the model is good.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

CASES = [
    ("merged", ""),
    ("gguf", "f32"),
    ("gguf", "f16"),
    ("gguf", "q8_0"),
    ("gguf", "q4_1"),
    ("onnx", ""),
    ("onnx", "int8"),
    ("onnx", "int4"),
    ("openvino", ""),
    ("openvino", "int8"),
    ("openvino", "int4"),
    ("torchscript", ""),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="local:smollm2-135m-instruct")
    parser.add_argument("--adapter", type=Path, help="a folder of PEFT")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--formats", default="", help="such as gguf,onnx; all without")
    parser.add_argument("--only", default="model,adapter")
    options = parser.parse_args()
    from assistant.config import load_settings
    from assistant.models.folders import model_folder

    base = model_folder(options.model, load_settings({}))
    print("| what | format | bits | same best token | max diff | KL | perplexity ratio | same answers | passed | s |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        sources = {"model": base, "adapter": options.adapter or Path(folder) / "adapter"}
        if not options.adapter and "adapter" in options.only:
            _adapter(base, sources["adapter"])
        for what in options.only.split(","):
            for number, (format_, quantise) in enumerate(CASES):
                if not options.formats or format_ in options.formats.split(","):
                    out = Path(folder) / f"{what}-{number}"
                    _row(what, sources[what], base, out, format_, quantise, options.questions)


def _row(what: str, source: Path, base: Path, out: Path, format_: str, quantise: str, questions: int) -> None:
    import json
    import shutil

    from graphs.errors import CrossroadsError
    from training.export.export import export

    began = time.monotonic()
    try:
        export(source, out, format_, quantise, base=base, questions=questions)
        folder, said = out, "yes"
    except CrossroadsError as error:
        folder, said = out.with_name(out.name + ".failed"), f"no: {error.message}"
    path = folder / "parity.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    names = ("argmax_agreement", "max_abs_diff", "kl", "perplexity_ratio", "same_answers")
    figures = " | ".join(f"{found[name]:g}" if found else "" for name in names)
    print(f"| {what} | {format_} | {quantise} | {figures} | {said} | {time.monotonic() - began:.0f} |", flush=True)
    shutil.rmtree(folder, ignore_errors=True)


def _adapter(base: Path, to: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules="all-linear"))
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.005)
    adapted.save_pretrained(to)


if __name__ == "__main__":
    main()
