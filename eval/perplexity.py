"""Word, byte and token perplexity of any local language model, in rolling windows with a stated stride.

Every token is predicted exactly once, the first of a text behind the model's beginning- or end-of-text token, and each
text by itself. With the stride as long as the window (the default) the numbers are those of the Language Model
Evaluation Harness (`lm-eval`, Gao et al. 2021, task type `loglikelihood_rolling`); a shorter stride gives each token
more context and so a lower, slower perplexity (Press et al. 2021, "Shortformer", section 2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from graphs.errors import UsageError

Logits = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Token ids of shape (batch, length) → logits of shape (batch, length, vocabulary), causal."""


class Likelihood(Protocol):
    """What perplexity needs of a model."""

    name: str
    window: int
    """Tokens the model is given at once, at most."""
    prefix: int
    """The token that stands before a text's first one."""

    def encode(self, text: str) -> list[int]:
        """Token ids; nothing is put before or behind."""
        ...

    def score(self, windows: Sequence[Window]) -> list[float]:
        """The summed log-probability, in nats, of each window's `scored` tokens behind its `context`."""
        ...


@dataclass(frozen=True)
class Window:
    """Tokens given, and the tokens to predict behind them."""

    context: tuple[int, ...]
    scored: tuple[int, ...]


@dataclass(frozen=True)
class Text:
    """One text to predict. The counts are of the text as its source has it, before any detokenisation."""

    id: str
    text: str
    words: int
    bytes: int

    @classmethod
    def of(cls, id: str, text: str, original: str | None = None) -> Text:  # noqa: A002 - the field's name
        """A text with its words and bytes counted as lm-eval does: pieces between white space, UTF-8."""
        source = text if original is None else original
        return cls(id, text, len(re.split(r"\s+", source)), len(source.encode("utf-8")))


@dataclass(frozen=True)
class Measured:
    """The log-likelihood of one text."""

    id: str
    nats: float
    tokens: int
    words: int
    bytes: int


@dataclass(frozen=True)
class Figure:
    """A perplexity with its 95 % interval; the interval is None for a single text."""

    value: float
    low: float | None
    high: float | None


def windows(ids: Sequence[int], prefix: int, window: int, stride: int) -> Iterator[Window]:
    """Cut token ids into windows of at most `window` tokens that each predict `stride` new ones, the first all.

    Raises `UsageError` where the stride does not fit the window.
    """
    if not 1 <= stride <= window:
        raise UsageError(
            f"A stride of {stride} tokens does not fit a window of {window}.", f"Choose a stride from 1 to {window}."
        )
    first = min(window, len(ids))
    if first:
        yield Window((prefix,), tuple(ids[:first]))
    done = first
    while done < len(ids):
        end = min(done + stride, len(ids))
        begin = end - window - 1
        yield Window(tuple(ids[begin:done]), tuple(ids[done:end]))
        done = end


class LogitsLikelihood:
    """The likelihood of a model that gives logits, such as one of transformers, ONNX or OpenVINO."""

    def __init__(
        self,
        name: str,
        logits: Logits,
        encode: Callable[[str], list[int]],
        *,
        window: int,
        prefix: int,
        batch: int = 1,
    ) -> None:
        self.name = name
        self.window = window
        self.prefix = prefix
        self.encode = encode
        self._logits = logits
        self._batch = batch

    def score(self, windows: Sequence[Window]) -> list[float]:
        """The summed log-probability, in nats, of each window's `scored` tokens behind its `context`."""
        order = sorted(range(len(windows)), key=lambda index: -_length(windows[index]))
        found = [0.0] * len(windows)
        for start in range(0, len(order), self._batch):
            chosen = order[start : start + self._batch]
            for index, nats in zip(chosen, self._together([windows[index] for index in chosen]), strict=True):
                found[index] = nats
        return found

    def _together(self, batch: Sequence[Window]) -> list[float]:
        """Windows of one batch, padded at the end, where a causal model does not look."""
        longest = max(_length(window) for window in batch)
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        for row, window in enumerate(batch):
            given = [*window.context, *window.scored][:-1]
            ids[row, : len(given)] = given
        logits = self._logits(ids)
        return [_nats(logits[row], window) for row, window in enumerate(batch)]


def _length(window: Window) -> int:
    return len(window.context) + len(window.scored) - 1


def _nats(logits: NDArray[np.float32], window: Window, piece: int = 256) -> float:
    """The log-probability of the scored tokens; `logits` has shape (length, vocabulary)."""
    first, total = len(window.context) - 1, 0.0
    targets = np.asarray(window.scored)
    for start in range(0, len(targets), piece):  # in pieces: a copy of all logits would take a gigabyte
        part = logits[first + start : first + start + piece][: len(targets) - start].astype(np.float32)
        chosen = part[np.arange(len(part)), targets[start : start + piece]]
        highest = part.max(axis=-1)
        logsum = highest + np.log(np.exp(part - highest[:, None]).sum(axis=-1))
        total += float((chosen - logsum).astype(np.float64).sum())
    return total


def measure(
    model: Likelihood,
    texts: Sequence[Text],
    stride: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Measured]:
    """The log-likelihood of every text that has tokens, in order; a stride of 0 means the whole window.

    `progress` is told how many of how many texts are done. Raises `UsageError` where there is nothing to predict.
    """
    measured = []
    for number, text in enumerate(texts, start=1):
        ids = model.encode(text.text)
        if ids:
            nats = sum(model.score(list(windows(ids, model.prefix, model.window, stride or model.window))))
            measured.append(Measured(text.id, nats, len(ids), text.words, text.bytes))
        if progress:
            progress(number, len(texts))
    if not measured:
        raise UsageError("There is no text to predict: every text given is empty.", "Name files with text in them.")
    return measured


def perplexities(measured: Sequence[Measured], draws: int = 1000, seed: int = 0) -> dict[str, Figure]:
    """`token_perplexity`, `word_perplexity`, `byte_perplexity` and `bits_per_byte` over all texts together.

    The intervals draw whole texts, because the tokens of one text hang together.
    """
    nats = np.array([each.nats for each in measured])
    counts = {
        "token_perplexity": np.array([each.tokens for each in measured]),
        "word_perplexity": np.array([each.words for each in measured]),
        "byte_perplexity": np.array([each.bytes for each in measured]),
    }
    picks = np.random.default_rng(seed).integers(len(nats), size=(draws, len(nats)))
    found = {name: _figure(nats, count, picks) for name, count in counts.items()}
    bits = found["byte_perplexity"]
    found["bits_per_byte"] = Figure(
        math.log2(bits.value),
        None if bits.low is None else math.log2(bits.low),
        None if bits.high is None else math.log2(bits.high),
    )
    return found


def _figure(nats: NDArray[np.float64], counts: NDArray[np.int64], picks: NDArray[np.int64]) -> Figure:
    value = math.exp(-nats.sum() / counts.sum())
    if len(nats) < 2:
        return Figure(value, None, None)
    drawn = np.exp(-nats[picks].sum(axis=1) / counts[picks].sum(axis=1))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(value, float(low), float(high))
