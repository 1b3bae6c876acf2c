"""The reader that ships: for a question and passages, where each answers it and how likely it does at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from assistant.config import Settings
from assistant.evidence.reader_engine import ReaderEngine
from graphs.context import Encoder, Reading
from graphs.errors import ModelError
from training.grounding.features import Rarity
from training.reader.looks import Nearness, looks, nearness, texts_of
from training.reader.reading import Calibration, Found, Piece, cut

Near = Callable[[int, int], Nearness]
WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "reader"


def shards(folder: Path = WEIGHTS) -> list[Path]:
    """The weight files that ship; empty where none do."""
    return sorted(folder.glob("reader-*.safetensors")) if (folder / "reader.json").is_file() else []


class TunedReader:
    """Extractive question answering with refusals, on the CPU and without torch. Safe under threads."""

    def __init__(
        self, base: Path, settings: Settings, folder: Path = WEIGHTS, encoder: Callable[[], Encoder] | None = None
    ) -> None:
        """`base` is the encoder the weights were tuned on, `encoder` gives it untuned, as it embeds.

        Raises `ModelError` where a file is broken.
        """
        from safetensors import SafetensorError
        from tokenizers import Tokenizer

        try:
            self._card: dict[str, Any] = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
            self._calibration = _calibration(self._card["calibration"])
            self._rarity = Rarity(self._card.get("rarity", {}), self._card.get("unknown_rarity", 0.0))
            self._tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
            self._engine = ReaderEngine(base, shards(folder), settings)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, SafetensorError) as error:
            cure = "Install the package again; the reader's weights are part of it."
            raise ModelError(f"The reader in {str(folder)!r} does not load: {error}.", cure) from error
        self._encoder = encoder
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def read(self, question: str, passages: Sequence[str]) -> list[Reading]:
        """One reading for each passage, in their order; of a long passage the piece that answers best."""
        asked = self._tokenizer.encode(" ".join(question.split()), add_special_tokens=False).ids
        encoded = self._tokenizer.encode_batch(list(passages), add_special_tokens=False)
        sizes = (self._card["max_tokens"], self._card["overlap"], self._card["max_question_tokens"])
        pieces: list[Piece] = []
        owners: list[int] = []
        for number, passage in enumerate(encoded):
            parts = cut(asked, passage.ids, *sizes) if passage.ids and asked else []
            pieces += parts
            owners += [number] * len(parts)
        nearest = self._near(question, passages)
        found: dict[int, list[Found]] = {}
        for owner, result in zip(owners, self._engine.read(pieces), strict=True):
            found.setdefault(owner, []).append(result)
        return [
            self._reading(question, text, passage.offsets, found.get(number, []), nearest[number])
            for number, (text, passage) in enumerate(zip(passages, encoded, strict=True))
        ]

    def _near(self, question: str, passages: Sequence[str]) -> list[Near]:
        """For each passage what says how near the answer at an offset is; without an encoder nothing is near."""
        if self._encoder is None:
            return [lambda _start, _end: Nearness()] * len(passages)
        wanted = [texts_of(question, passage) for passage in passages]
        texts = list(dict.fromkeys(text for each in wanted for text in each))
        vectors = dict(zip(texts, np.asarray(self._encoder().embed_documents(texts)), strict=True))
        return [
            partial(nearness, np.array([vectors[text] for text in each]), passage)
            for each, passage in zip(wanted, passages, strict=True)
        ]

    def _reading(
        self, question: str, text: str, offsets: Sequence[tuple[int, int]], found: Sequence[Found], near: Near
    ) -> Reading:
        if not found:
            return Reading(answerable=0.0, start=0, end=0, text="")
        best = max(found, key=lambda piece: piece.judged)  # as the report reads that the calibration comes from
        start, end = offsets[best.start][0], offsets[best.end][1]
        looked = looks(question, text, start, end, best.score, near(start, end), self._rarity)
        chance = self._calibration.chance(best, looked)
        return Reading(answerable=chance, start=start, end=end, text=text[start:end])


def _calibration(record: dict[str, Any]) -> Calibration:
    return Calibration(**{**record, "words": tuple(record.get("words", ()))})
