"""Tokenizers as a stage: learnt with the tokenizers library, judged on texts they have not seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphs.errors import UsageError
from training.data.clean import side_of
from training.data.rows import files_of, rows_of, text_of
from training.registry import ModelVersion
from training.run import Run
from training.tokenizer.recipe import TokenizerRecipe

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_GENERATIVE = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_REPORTED = 2000
"""Held-out texts the report reads at most."""


def run_tokenizer(recipe: TokenizerRecipe, run: Run) -> ModelVersion:
    """Learn a tokenizer and report fertility and round trip. Raises `UsageError` where there is no text."""
    run.use_data(files_of(recipe.data))
    backend = _untrained(recipe)
    read = _Counted(_texts(recipe, "train"))
    backend.train_from_iterator(read, trainer=_trainer(recipe))
    if not read.count:
        raise UsageError(f"There is no text in {', '.join(recipe.data)}.", f"Is {recipe.text!r} the column with text?")
    tokenizer = _wrapped(recipe, backend)
    tokenizer.save_pretrained(run.model)
    metrics = report(tokenizer, list(_texts(recipe, "dev", _REPORTED)) or list(_texts(recipe, "train", _REPORTED)))
    run.log("evaluation", **metrics)
    return run.finish("tokenizer", {**metrics, "vocabulary": len(tokenizer), "texts": read.count})


def report(tokenizer: Any, texts: list[str]) -> dict[str, float]:
    """How a tokenizer does on texts: tokens a word (fertility), characters and bytes a token, unknown tokens, and the
    share of texts that come back exactly."""
    tokens = unknown = exact = 0
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        tokens += len(ids)
        unknown += sum(token == tokenizer.unk_token_id for token in ids) if tokenizer.unk_token_id is not None else 0
        exact += tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    words = sum(len(text.split()) for text in texts)
    return {
        "fertility": round(tokens / max(1, words), 4),
        "characters_per_token": round(sum(map(len, texts)) / max(1, tokens), 4),
        "bytes_per_token": round(sum(len(text.encode("utf-8", "replace")) for text in texts) / max(1, tokens), 4),
        "unknown": round(unknown / max(1, tokens), 6),
        "round_trip": round(exact / max(1, len(texts)), 4),
    }


class _Counted:
    """Counts what is read through it."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.count = 0
        self._texts = texts

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            self.count += 1
            yield text


def _texts(recipe: TokenizerRecipe, side: str, limit: int = 0) -> Iterator[str]:
    count = 0
    for row in rows_of(recipe.data):
        text = text_of(row, recipe.text)
        if text.strip() and side_of(text, recipe.held_out, 0.0, recipe.seed) == side:
            yield text
            count += 1
            if count == limit:
                return


def _special(recipe: TokenizerRecipe) -> list[str]:
    first = _BERT if recipe.kind == "wordpiece" else _GENERATIVE
    extra = ("<unk>",) if recipe.kind == "unigram" else ()
    sentinels = [f"<extra_id_{number}>" for number in range(recipe.sentinels)]
    return [*first, *extra, *sentinels]


def _untrained(recipe: TokenizerRecipe) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    digits = [pre_tokenizers.Digits(individual_digits=True)] if recipe.digits else []
    if recipe.kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), *digits])
        tokenizer.decoder = decoders.WordPiece()
    elif recipe.kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([metaspace, *digits])
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    else:
        tokenizer = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, byte_level])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _trainer(recipe: TokenizerRecipe) -> Any:
    from tokenizers import pre_tokenizers, trainers

    common: dict[str, Any] = {
        "vocab_size": recipe.vocabulary,
        "special_tokens": _special(recipe),
        "show_progress": False,
    }
    if recipe.kind == "wordpiece":
        return trainers.WordPieceTrainer(min_frequency=recipe.min_frequency, **common)
    if recipe.kind == "unigram":
        return trainers.UnigramTrainer(unk_token="<unk>", **common)  # noqa: S106 - no password
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trainers.BpeTrainer(min_frequency=recipe.min_frequency, initial_alphabet=alphabet, **common)


def _wrapped(recipe: TokenizerRecipe, backend: Any) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    build: Any = PreTrainedTokenizerFast
    if recipe.kind == "wordpiece":
        named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _BERT, strict=True))
        pair = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=pair
        )
        return build(tokenizer_object=backend, model_max_length=recipe.context, **named)
    named = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>", "bos_token": "<|endoftext|>"}
    if recipe.kind == "unigram":
        named["unk_token"] = "<unk>"  # noqa: S105 - no password
    tokenizer = build(tokenizer_object=backend, model_max_length=recipe.context, **named)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
