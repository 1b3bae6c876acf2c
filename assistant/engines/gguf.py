"""Reading a GGUF file: its tokenizer, its chat template, and its weights as a Hugging Face folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from assistant.engines.codec import Codec, CodecFacts
from graphs.errors import ModelError

_CONTROL, _USER_DEFINED = 3, 4
"""Token types of the GGUF format that stand outside ordinary text."""


def read_codec(file: Path) -> Codec:
    """The tokenizer of a GGUF file (byte-level BPE). Takes seconds: keep the result.

    The converter of `transformers` splits numbers otherwise than the model was trained to; this one agrees with
    llama.cpp. Raises `ModelError` for a file that cannot be read or a tokenizer of another kind.
    """
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models

    try:
        fields = GGUFReader(file).fields
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{str(file)!r} cannot be read as GGUF: {error}.", "Fetch the file again.") from error
    content = {key: field.contents for key, field in fields.items() if key.startswith("tokenizer.")}
    tokens: list[str] = content["tokenizer.ggml.tokens"]()
    types: list[int] = content["tokenizer.ggml.token_type"]()
    merges = [tuple(pair.split(" ")) for pair in _value(fields, "tokenizer.ggml.merges", [])]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = _splitter(fields, file)
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind in (_CONTROL, _USER_DEFINED)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return Codec(tokenizer, _facts(fields, tokens, tuple(special)))


def _splitter(fields: dict[str, Any], file: Path) -> Any:
    """What cuts a text into words before byte pairs are merged."""
    from tokenizers import pre_tokenizers

    kind = (_value(fields, "tokenizer.ggml.model", ""), _value(fields, "tokenizer.ggml.pre", ""))
    bytes_of_words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if kind == ("gpt2", "smollm"):
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_of_words])
    if kind in {("gpt2", "gpt-2"), ("gpt2", "default")}:
        return bytes_of_words
    raise ModelError(
        f"{file.name!r} has a tokenizer of the kind {'/'.join(kind)!r}, which cannot be read from GGUF here.",
        "Use the model's Hugging Face folder: `hf:REPO-OR-FOLDER`.",
    )


def _facts(fields: dict[str, Any], tokens: list[str], special: tuple[str, ...]) -> CodecFacts:
    def token(key: str) -> str:
        number = _value(fields, f"tokenizer.ggml.{key}_token_id", None)
        return "" if number is None else tokens[number]

    architecture = _value(fields, "general.architecture", "llama")
    named = {token("eos"), "<|im_end|>", "<|endoftext|>"} & set(special)
    return CodecFacts(
        template=_value(fields, "tokenizer.chat_template", ""),
        special=special,
        ends=tuple(sorted(tokens.index(name) for name in named)),
        context=int(_value(fields, f"{architecture}.context_length", 2048)),
        bos=token("bos"),
        eos=token("eos"),
    )


def _value(fields: dict[str, Any], key: str, default: Any) -> Any:
    return fields[key].contents() if key in fields else default


def to_transformers(file: Path, codec: Codec, folder: Path) -> Path:
    """Write a GGUF file's weights as safetensors (fp32) with the right tokenizer beside; half a minute, once.

    The folder appears whole or not at all.
    """
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if (folder / "config.json").is_file():
        return folder
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
    model.hf_quantizer = None
    for name in ("quantization_config", "is_quantized", "quantization_method"):
        for owner in (model, model.config):
            if name in vars(owner):
                delattr(owner, name)
    model.save_pretrained(part)
    build: Any = PreTrainedTokenizerFast
    tokenizer = build(
        tokenizer_object=codec.tokenizer, bos_token=codec.facts.bos or None, eos_token=codec.facts.eos or None
    )
    tokenizer.model_max_length = codec.facts.context
    tokenizer.chat_template = codec.facts.template or None
    tokenizer.save_pretrained(part)
    part.replace(folder)
    return folder
