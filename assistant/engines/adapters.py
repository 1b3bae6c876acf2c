"""An adapter and its base as one model: merged once, kept under `CROSSROADS_CACHE/engines`."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

from assistant.config import Settings
from graphs.errors import ModelError

VERSION = 1
"""Raise it when the merge changes, so that no old result is used."""


def merge_adapter(base: Path, adapter: Path, digest: str, settings: Settings) -> Path:
    """A Hugging Face folder of `base` with the PEFT `adapter` merged in (fp32); seconds, once for each adapter.

    `digest` stands for the bytes of both. The folder appears whole or not at all. Raises `ModelError` where they do
    not fit together, or where the adapter is of a kind that cannot be merged (prompt and prefix tuning).
    """
    from filelock import FileLock

    key = hashlib.sha256(f"{VERSION}:{digest}".encode()).hexdigest()[:16]
    folder = settings.cache / "engines" / f"merged-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "config.json").is_file():
            part = folder.with_name(folder.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            _merge(base, adapter, part)
            part.replace(folder)
    return folder


def adapter_kind(adapter: Path) -> str:
    """PEFT's name of an adapter's kind: LORA, PROMPT_TUNING, PREFIX_TUNING. Raises `ModelError` where it has none."""
    try:
        return str(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["peft_type"])
    except (OSError, ValueError, KeyError) as error:
        cure = "Train it again, or register it with the folder PEFT wrote."
        raise ModelError(f"{str(adapter)!r} is no PEFT adapter: {error}.", cure) from error


def _merge(base: Path, adapter: Path, folder: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if adapter_kind(adapter) in {"PROMPT_TUNING", "PREFIX_TUNING"}:
        cure = "Train it with adapter: lora to serve it; evaluate this one with PEFT."
        raise ModelError("An adapter of virtual tokens cannot be merged into its base.", cure)
    try:
        whole: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        with warnings.catch_warnings():  # PEFT asks transformers by a name that will go
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            tuned: Any = PeftModel.from_pretrained(whole, adapter)
        merged: Any = tuned.merge_and_unload(safe_merge=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"The adapter does not fit its base: {first}.", "Train it again on this base.") from error
    merged.save_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(adapter if (adapter / "tokenizer.json").is_file() else base)
    tokenizer.save_pretrained(folder)
