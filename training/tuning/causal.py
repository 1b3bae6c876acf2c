"""Causal models: loaded for training, wrapped in an adapter, saved as what ships."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphs.errors import ModelError
from training.tuning.recipe import AdapterRecipe, TuningRecipe

_VIRTUAL = ("prompt", "prefix")


@contextmanager
def calm() -> Iterator[None]:
    """Without what PEFT and TRL warn of about each other: names that will go, and things that are meant so."""
    with warnings.catch_warnings():
        for message in (
            ".*is_gradient_checkpointing",
            ".*torch.jit",
            ".*pin_memory",
            ".*experimental",
            ".*Position ids are not",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield


def on_gpu() -> bool:
    """Whether training uses a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def in_bf16(recipe: TuningRecipe) -> bool:
    """Whether a run computes in bfloat16."""
    return recipe.precision == "bf16" or (recipe.precision == "auto" and on_gpu())


def load_tokenizer(folder: Path) -> Any:
    """A model's tokenizer, with a token to pad by. Raises `ModelError`."""
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"The tokenizer of {str(folder)!r} does not load: {first}", "Name a whole folder.") from error
    if tokenizer.pad_token is None:
        spare = "<|endoftext|>"
        tokenizer.pad_token = spare if spare in tokenizer.get_vocab() else tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, recipe: AdapterRecipe, kind: str = "CausalLM", **options: Any) -> Any:
    """The base's weights for training. `kind` is the end of transformers' class name.

    Raises `ModelError` where they do not load, or where 4 bits are asked for without a GPU.
    """
    import torch
    import transformers

    quantised = _four_bits() if recipe.adapter == "qlora" else {}
    dtype = torch.bfloat16 if in_bf16(recipe) and recipe.adapter != "none" else torch.float32
    family = getattr(transformers, f"AutoModelFor{kind}")
    torch.manual_seed(recipe.seed)  # a new head begins alike in every run of a recipe
    try:
        model: Any = family.from_pretrained(folder, dtype=dtype, **quantised, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"The model in {str(folder)!r} does not load: {first}", "Name a whole folder.") from error
    model.config.use_cache = False
    return model


def adapted(model: Any, recipe: AdapterRecipe, task: str = "CAUSAL_LM") -> Any:
    """The model with the recipe's adapter around it, or as it is. `task` is PEFT's name of it."""
    if recipe.adapter == "none":
        return model
    import peft
    import torch

    torch.manual_seed(recipe.seed)  # before the first step: the adapter's own beginning is part of the recipe
    with calm():
        if recipe.adapter == "qlora":
            model = peft.prepare_model_for_kbit_training(
                model, use_gradient_checkpointing=recipe.gradient_checkpointing
            )
        elif recipe.gradient_checkpointing:
            model.enable_input_require_grads()
        wrapped = peft.get_peft_model(model, adapter_config(recipe, task))
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()  # small steps are lost in bf16
    return wrapped


def adapter_config(recipe: AdapterRecipe, task: str) -> Any:
    """PEFT's configuration of an adapter."""
    import peft

    if recipe.adapter in _VIRTUAL:
        kind: Any = peft.PromptTuningConfig if recipe.adapter == "prompt" else peft.PrefixTuningConfig
        return kind(task_type=task, num_virtual_tokens=recipe.virtual_tokens)
    return peft.LoraConfig(
        task_type=task,
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=recipe.targets,
        use_dora=recipe.adapter == "dora",
        use_rslora=recipe.adapter == "rslora",
        modules_to_save=["score"] if task == "SEQ_CLS" else None,
    )


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write what ships: a whole model as safetensors, or an adapter in fp16, with the tokenizer."""
    import torch

    with calm():
        if hasattr(model, "peft_config"):
            half = {name: value.detach().to(torch.float16) for name, value in _adapter_state(model).items()}
            model.save_pretrained(folder, state_dict=half)
            (folder / "README.md").unlink(missing_ok=True)  # PEFT's form; the card takes its place
        else:
            model.config.use_cache = True
            model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def reload(base: Path, folder: Path, kind: str = "CausalLM", **options: Any) -> Any:
    """The model as it was saved, ready to answer: what is judged is what ships."""
    import torch
    import transformers

    family = getattr(transformers, f"AutoModelFor{kind}")
    is_whole = (folder / "config.json").is_file()
    with calm():
        model: Any = family.from_pretrained(folder if is_whole else base, dtype=torch.float32, **options)
        if not is_whole:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder)
    return model.to("cuda" if on_gpu() else "cpu").eval()


def forget(model: Any) -> None:
    """Let go of a model's memory."""
    import gc

    import torch

    del model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _adapter_state(model: Any) -> dict[str, Any]:
    """All weights PEFT could want; it picks its own out of them."""
    return dict(model.state_dict())


def refuse_four_bits() -> None:
    """Raise `ModelError` where QLoRA cannot work here."""
    from importlib.util import find_spec

    if not on_gpu() or find_spec("bitsandbytes") is None:
        missing = "an NVIDIA GPU" if not on_gpu() else "the package bitsandbytes"
        raise ModelError(f"QLoRA needs {missing}.", "--set adapter=lora trains the same adapter without 4 bits.")


def _four_bits() -> dict[str, Any]:
    import torch

    refuse_four_bits()
    from transformers import BitsAndBytesConfig

    config: Any = BitsAndBytesConfig
    return {
        "quantization_config": config(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    }
