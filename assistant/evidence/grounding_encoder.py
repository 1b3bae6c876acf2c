"""The encoder beside the checker's features: does an excerpt of the evidence support a sentence? Without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from assistant.config import Settings
from assistant.evidence.reader_engine import ReaderEngine
from graphs.errors import ModelError
from training.grounding.excerpt import Evidence
from training.grounding.features import Places, Rarity, Sentence

BASE = "all-minilm-l6-v2"
"""Whatever embeds the documents, the encoder's word embeddings are this model's."""
WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "grounding"


def shards(folder: Path = WEIGHTS) -> list[Path]:
    """The weight files that ship; empty where none do."""
    return sorted(folder.glob("encoder-*.safetensors")) if (folder / "encoder.json").is_file() else []


class GroundingEncoder:
    """The reader's network with its own weights: sentence and excerpt in, one logit out. Safe under threads."""

    def __init__(self, base: Path, settings: Settings, rarity: Rarity, folder: Path = WEIGHTS) -> None:
        """`base` is the encoder the weights were tuned on. Raises `ModelError` where a file is broken."""
        from safetensors import SafetensorError
        from tokenizers import Tokenizer

        try:
            sizes = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            self._most, self._most_claim = int(sizes["max_tokens"]), int(sizes["max_claim_tokens"])
            self._tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
            self._engine = ReaderEngine(base, shards(folder), settings, "grounding")
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, SafetensorError) as error:
            cure = "Install the package again; the checker's weights are part of it."
            raise ModelError(f"The grounding encoder in {str(folder)!r} does not load: {error}.", cure) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._rarity = rarity

    def logits(self, sentences: Sequence[Sentence], places: Places) -> list[float]:
        """How far the evidence supports each sentence; the more the higher, on no scale of its own."""
        evidence = Evidence(places, self._encode)
        pieces = [
            evidence.piece(one, self._encode(one.text), self._rarity, self._most, self._most_claim) for one in sentences
        ]
        return [found.judged for found in self._engine.read(pieces)]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
