"""Texts as one long stream of tokens on disk, read in blocks: no padding, and memory does not grow with the data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphs.errors import UsageError
from training.data.rows import rows_of, text_of
from training.registry import write_whole

_TOGETHER = 256
"""Texts tokenised at once."""


@dataclass(frozen=True)
class Stream:
    """Token ids one after the other; an end token behind each text. `tokens` is a read-only NumPy map of the file."""

    tokens: Any
    texts: int
    words: int

    def blocks(self, length: int) -> int:
        """How many whole blocks of so many tokens there are."""
        return len(self.tokens) // length

    def block(self, number: int, length: int) -> Any:
        """One block of ids, int64, shape (length,)."""
        return self.tokens[number * length : (number + 1) * length].astype("int64")


def write_stream(
    sources: Sequence[str], text: str, tokenizer: Any, to: Path, keep: Any = None, report: Any = None
) -> Stream:
    """Tokenise the texts of `sources` to `to` (raw little-endian integers) with `to`.json beside it; there already, it
    is read. `keep` chooses texts. Raises `UsageError` for a broken row or where there is no text."""
    import numpy as np

    about = to.with_suffix(".json")
    if about.is_file():
        return read_stream(to)
    kind = "<u2" if len(tokenizer) < 2**16 else "<u4"
    to.parent.mkdir(parents=True, exist_ok=True)
    texts = words = count = 0
    with to.open("wb") as out:
        for some in _batches(sources, text, keep):
            for ids in tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]:
                np.array([*ids, _end(tokenizer)], dtype=kind).tofile(out)
                count += len(ids) + 1
            texts += len(some)
            words += sum(len(one.split()) for one in some)
            if report and texts % (40 * _TOGETHER) == 0:
                report(f"{texts} texts, {count} tokens")
    if not texts:
        raise UsageError(f"There is no text in {', '.join(map(str, sources))}.", f"Is {text!r} the column with text?")
    write_whole(about, json.dumps({"dtype": kind, "texts": texts, "words": words, "tokens": count}))
    return read_stream(to)


def read_stream(path: Path) -> Stream:
    """A stream written before."""
    import numpy as np

    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Stream(np.memmap(path, dtype=about["dtype"], mode="r"), about["texts"], about["words"])


def _batches(sources: Sequence[str], text: str, keep: Any) -> Iterator[list[str]]:
    batch: list[str] = []
    for row in rows_of(sources):
        one = text_of(row, text)
        if one.strip() and (keep is None or keep(one)):
            batch.append(one)
        if len(batch) == _TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


def _end(tokenizer: Any) -> int:
    """What stands between two texts."""
    for name in ("<|endoftext|>", "</s>", "[SEP]"):
        if name in tokenizer.get_vocab():
            return int(tokenizer.convert_tokens_to_ids(name))
    if tokenizer.eos_token_id is None:
        raise UsageError("The tokenizer has no token that ends a text.", "Train one with the stage 'tokenizer'.")
    return int(tokenizer.eos_token_id)
