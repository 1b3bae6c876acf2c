"""The reader that ships: for a question and passages, where each answers it and how likely it does at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.evidence.reader_engine import ReaderEngine
from graphs.context import Reading
from graphs.errors import ModelError
from training.reader.looks import looks
from training.reader.reading import Calibration, Found, Piece, cut

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "reader"


def shards(folder: Path = WEIGHTS) -> list[Path]:
    """The weight files that ship; empty where none do."""
    return sorted(folder.glob("reader-*.safetensors")) if (folder / "reader.json").is_file() else []


class TunedReader:
    """Extractive question answering with refusals, on the CPU and without torch. Safe under threads."""

    def __init__(self, base: Path, settings: Settings, folder: Path = WEIGHTS) -> None:
        """`base` is the encoder the weights were tuned on. Raises `ModelError` where a file is broken."""
        from safetensors import SafetensorError
        from tokenizers import Tokenizer

        try:
            self._card: dict[str, Any] = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
            self._calibration = _calibration(self._card["calibration"])
            self._tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
            self._engine = ReaderEngine(base, shards(folder), settings)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, SafetensorError) as error:
            cure = "Install the package again; the reader's weights are part of it."
            raise ModelError(f"The reader in {str(folder)!r} does not load: {error}.", cure) from error
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
        found: dict[int, list[Found]] = {}
        for owner, result in zip(owners, self._engine.read(pieces), strict=True):
            found.setdefault(owner, []).append(result)
        return [
            self._reading(question, text, passage.offsets, found.get(number, []))
            for number, (text, passage) in enumerate(zip(passages, encoded, strict=True))
        ]

    def _reading(self, question: str, text: str, offsets: Sequence[tuple[int, int]], found: Sequence[Found]) -> Reading:
        if not found:
            return Reading(answerable=0.0, start=0, end=0, text="")
        best = max(found, key=lambda piece: piece.judged)  # as the report reads that the calibration comes from
        start, end = offsets[best.start][0], offsets[best.end][1]
        chance = self._calibration.chance(best, looks(question, text, start, end))
        return Reading(answerable=chance, start=start, end=end, text=text[start:end])


def _calibration(record: dict[str, Any]) -> Calibration:
    return Calibration(**{**record, "words": tuple(record.get("words", ()))})
