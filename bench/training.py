"""Tokens a second, MFU and memory of supervised fine-tuning, beside plain TRL on the same model, data and batch.

    python bench/training.py [--base FOLDER] [--adapter lora|none] [--rows N] [--steps N] [--length N] [--batch N]
    python bench/training.py --hidden 2048 --layers 24 --adapter none      # random weights, large enough to fill a GPU

Ours packs rows (bfd); TRL is run as its quick start has it: padded, every row of the batch as long as its longest. Both
draw from the same rows, each in its own order, and learn the answers' tokens alone. MFU counts
6 · weights (4 · weights where the base is frozen) · real tokens, without attention, against the peak measured here by a
matrix product in the precision that trains. The seconds of the processor (of all its threads) stand beside those of the
clock: where other work runs, they are what can be compared.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # before this folder, where this file has its name

from training.probe import MemoryWatch
from training.run import Run
from training.stages import train
from training.tuning.causal import calm, load_model, load_tokenizer, on_gpu
from training.tuning.recipe import SftRecipe

Clocks = tuple[float, float]
WORDS = (
    "the model reads a passage and answers only what it says because words without evidence are worth little".split()
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="")
    parser.add_argument("--hidden", type=int, default=0, help="a LLaMA of this width with random weights")
    parser.add_argument("--layers", type=int, default=24, help="of the random one")
    parser.add_argument("--adapter", default="lora", choices=["lora", "none"])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    base = Path(arguments.base) if arguments.base else default_base()
    with tempfile.TemporaryDirectory(prefix="crossroads-bench-") as scratch:
        if arguments.hidden:
            base = random_base(base, Path(scratch) / "base", arguments.hidden, arguments.layers)
        data = write_rows(Path(scratch) / "rows.jsonl", arguments.rows)
        held = write_rows(Path(scratch) / "held.jsonl", 2, seed=1)
        recipe = SftRecipe(
            name="bench",
            out=Path(scratch) / "run",
            base=str(base),
            data=[data],
            dev=[held],
            adapter=arguments.adapter,
            steps=arguments.steps,
            batch=arguments.batch,
            max_length=arguments.length,
            too_long="drop",
            judge_rows=2,
            answer_tokens=1,
            evaluate_every=10**6,
            checkpoint_every=10**6,
        )
        found = [measure_ours(recipe), measure_ours(padded(recipe)), measure_trl(recipe, base)]
    peak = peak_flops()
    for one in found:
        one["mfu"] = round(one.pop("flops") / one["seconds"] / peak, 4)
    if arguments.json:
        print(json.dumps({"base": str(base), "peak_flops": peak, "rows": found}))
        return
    print(f"{'':<22} tokens/s  a processor second   MFU   memory   loss")
    for one in found:
        speed, worked, memory = one["tokens_per_second"], one["tokens_per_processor_second"], one["memory"] / 2**30
        print(f"{one['name']:<22} {speed:>8.0f} {worked:>8.0f} {one['mfu']:>8.1%} {memory:>5.1f} GiB {one['loss']:.3f}")


def default_base() -> Path:
    """The default chat model's folder."""
    from assistant.config import load_settings
    from assistant.models.folders import model_folder

    return model_folder("local:smollm2-135m-instruct", load_settings({}))


def random_base(like: Path, folder: Path, hidden: int, layers: int) -> Path:
    """A LLaMA of a width and depth with random weights and the tokenizer of another model."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = load_tokenizer(like)
    heads = max(1, hidden // 128)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=hidden * 8 // 3, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=8192, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_rows(path: Path, count: int, seed: int = 0) -> Path:
    """Questions and answers of very different lengths, as real ones have."""
    draw = random.Random(seed)  # noqa: S311 - rows of a bench
    lines = []
    for number in range(count):
        sizes = [int(draw.lognormvariate(3.2, 0.9)) + 3 for _ in range(2)]
        asked, said = (" ".join(draw.choice(WORDS) for _ in range(min(size, 150))) for size in sizes)
        lines.append(json.dumps({"prompt": f"{seed}.{number} {asked}?", "completion": said}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def padded(recipe: SftRecipe) -> SftRecipe:
    """The same run without packing."""
    return recipe.model_copy(update={"packing": False, "out": recipe.folder.with_name("padded")})


def measure_ours(recipe: SftRecipe) -> dict[str, Any]:
    """A run of ours, without what it does before and after its steps."""
    times: list[Clocks] = []
    steps: list[dict[str, Any]] = []

    def listen(event: dict[str, Any]) -> None:
        if event["event"] in {"begin", "step"}:
            times.append(clocks())
        if event["event"] == "step":
            steps.append(event)

    runs: list[Run] = []
    with MemoryWatch() as memory:
        train(recipe, listeners=[listen], started=runs.append)
    tokens = float(steps[-1]["num_tokens"]) - float(steps[0]["num_tokens"])  # the first step warms up
    name = "crossroads, packed" if recipe.packing else "crossroads, padded"
    return figures(name, tokens, times[1], times[-1], memory.peak - memory.before, steps[-1]["loss"], recipe)


def measure_trl(recipe: SftRecipe, base: Path) -> dict[str, Any]:
    """Plain TRL: its own tokenisation, padding and loop on the same rows."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    rows = [json.loads(line) for line in recipe.data[0].read_text(encoding="utf-8").splitlines()]
    chats = [
        {"prompt": [{"role": "user", "content": row["prompt"]}],
         "completion": [{"role": "assistant", "content": row["completion"]}]}
        for row in rows
    ]  # fmt: skip
    times: list[Clocks] = []
    logs: list[dict[str, Any]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" in (logs or {}):
                times.append(clocks())
                kept.append(logs)

    kept = logs
    with calm(), MemoryWatch() as memory:
        config = SFTConfig(
            output_dir=str(recipe.folder.with_name("trl")), per_device_train_batch_size=recipe.batch,
            max_steps=recipe.steps, learning_rate=recipe.learning_rate, max_length=recipe.max_length,
            logging_steps=1, report_to=[], save_strategy="no", use_cpu=not on_gpu(), bf16=on_gpu(),
            activation_checkpointing=False, seed=recipe.seed, data_seed=recipe.seed, disable_tqdm=True,
        )  # fmt: skip
        lora = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=recipe.targets, task_type="CAUSAL_LM")
        trainer = SFTTrainer(
            model=load_model(base, recipe), args=config, train_dataset=Dataset.from_list(chats),
            processing_class=load_tokenizer(base), peft_config=None if recipe.adapter == "none" else lora,
            callbacks=[Clock()],
        )  # fmt: skip
        trainer.train()
    tokens = float(logs[-1]["num_tokens"]) - float(logs[0]["num_tokens"])
    return figures("TRL, padded", tokens, times[0], times[-1], memory.peak - memory.before, logs[-1]["loss"], recipe)


def clocks() -> Clocks:
    """Seconds by the clock, and of the processor in this process."""
    return time.perf_counter(), time.process_time()


def figures(
    name: str, tokens: float, began: Clocks, ended: Clocks, memory: int, loss: float, recipe: SftRecipe
) -> dict[str, Any]:
    """One line of the table."""
    from training.probe import weight_count

    seconds, worked = ended[0] - began[0], ended[1] - began[1]
    weights = weight_count(Path(recipe.base))
    each = 6 if recipe.adapter == "none" else 4  # frozen weights need no gradient of their own
    return {
        "name": name, "tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds,
        "tokens_per_processor_second": tokens / worked,
        "flops": each * weights * tokens, "memory": memory, "loss": float(loss),
    }  # fmt: skip


def peak_flops(size: int = 2048, times: int = 5) -> float:
    """Operations a second of a square matrix product: what this device can do at best, as far as torch gets it."""
    import torch

    device = "cuda" if on_gpu() else "cpu"
    size = 8192 if on_gpu() else size
    left = torch.randn(size, size, device=device, dtype=torch.bfloat16 if on_gpu() else torch.float32)
    best = 0.0
    for _ in range(times):
        began = time.perf_counter()
        left @ left
        if on_gpu():
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


if __name__ == "__main__":
    main()
