"""The local embedding model: texts to unit vectors on this computer, without torch on a CPU.

`encoder_engines` says what runs the model. Texts of like length go together, so that little of a batch is padding.
"""

from __future__ import annotations

import hashlib
import json
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.knowledge.recent import RecentVectors
from assistant.knowledge.types import Vectors
from assistant.together import Together
from graphs.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from assistant.knowledge.encoder_engines import Engine

_COUNT_AT_ONCE = 500_000
"""Characters tokenized at once when counting."""
_LENGTH_STEP = 16
"""Lengths are padded to multiples of this, so that few shapes have to be prepared."""
_SHARED = 32
"""Texts up to which a call is joined with others: more fill passes of their own."""


class LocalEmbeddings(Embeddings):
    """A sentence-transformers folder as LangChain `Embeddings`; loads at first use, safe under threads."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Reads the small files only. Raises `ModelError` where `folder` is not an encoder."""
        self.folder = Path(folder)
        self.settings = settings
        try:
            self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
            self.fingerprint = _fingerprint(self.folder)
        except (OSError, ValueError) as error:
            cure = "Run `crossroads models pull`, or name another embedding model in models.embedding."
            raise ModelError(f"{str(folder)!r} holds no embedding model: {error}.", cure) from error
        self.dimensions = int(self.config["hidden_size"])
        self.max_tokens = _max_tokens(self.folder, self.config)
        self._lock = threading.Lock()
        self._tokenizers: tuple[Tokenizer, Tokenizer] | None = None
        """One that cuts at `max_tokens`, and one that never cuts, for counting."""
        self._engine: Engine | None = None
        self._together: Together[str, Vectors] | None = None
        self._recent = RecentVectors(self._shared)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector for each text, as LangChain wants them."""
        return [vector.tolist() for vector in self.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of one text."""
        return self.embed_documents([text])[0]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dimensions), float32. Text behind `max_tokens` tokens is not seen.

        Texts embedded lately are not embedded again; those other threads want at the same time go into one pass.
        """
        return self._recent.embed(texts)

    def forget(self) -> None:
        """Embed anew what was embedded lately: for measurements."""
        self._recent.clear()

    def _shared(self, texts: Sequence[str]) -> Vectors:
        engine = self.warm()
        if self._together is None:
            with self._lock:
                self._together = self._together or Together(
                    lambda some: list(self._pass(some)), engine.streams, _SHARED
                )
        return np.asarray(self._together.run(texts), dtype=np.float32).reshape(len(texts), self.dimensions)

    def _pass(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        engine = self.warm()
        encoded = [encoding.ids for encoding in self._load_tokenizers()[0].encode_batch(list(texts))]
        batches = _batches([len(ids) for ids in encoded], engine.batch_tokens)
        padded = (_pad([encoded[row] for row in rows]) for rows in batches)
        for rows, found in zip(batches, engine.run_all(padded), strict=True):
            vectors[rows] = found
        return vectors

    def token_starts(self, text: str) -> Sequence[int]:
        """Where in `text` each token begins, without the special ones; never truncated."""
        counter = self._load_tokenizers()[1]
        starts = array("q")
        for part_start, part in _parts(text):
            offsets = counter.encode(part, add_special_tokens=False).offsets
            starts.extend(part_start + start for start, _ in offsets)
        return starts

    def warm(self) -> Engine:
        """Load the model now, so that the first question does not wait. Raises `ModelError`."""
        if self._engine is None:
            self._load_tokenizers()
            with self._lock:
                self._engine = self._engine or self._load()
        return self._engine

    def _load_tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        if self._tokenizers is None:
            from tokenizers import Tokenizer

            file = str(self.folder / "tokenizer.json")
            try:
                cutting, counting = Tokenizer.from_file(file), Tokenizer.from_file(file)
            except Exception as error:  # the library raises nothing narrower
                raise _broken(self.folder, error) from error
            cutting.no_padding()
            cutting.enable_truncation(self.max_tokens)
            counting.no_padding()
            counting.no_truncation()
            self._tokenizers = cutting, counting
        return self._tokenizers

    def _load(self) -> Engine:
        from assistant.knowledge.encoder_engines import load_engine

        try:
            return load_engine(self.folder, _pooling(self.folder), self.settings, self.fingerprint)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise _broken(self.folder, error) from error


def _broken(folder: Path, error: Exception) -> ModelError:
    cure = "Run `crossroads models pull` to fetch it again, or name another model in models.embedding."
    return ModelError(f"The embedding model in {str(folder)!r} does not load: {error}.", cure)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """A long text in parts that end at a line's end where there is one: encodings take a hundred bytes a token."""
    start = 0
    while start < len(text):
        end = min(len(text), start + _COUNT_AT_ONCE)
        if end < len(text):
            line = text.rfind("\n", start + _COUNT_AT_ONCE // 2, end)
            end = line + 1 if line >= 0 else end
        yield start, text[start:end]
        start = end


def _fingerprint(folder: Path) -> str:
    """Names the model by what decides its vectors; of the weights only size, head and tail, for 90 MB take long."""
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    for weights in sorted(folder.glob("*.safetensors")):
        size = weights.stat().st_size
        with weights.open("rb") as file:
            digest.update(f"{weights.name} {size}".encode() + file.read(65_536))
            file.seek(max(0, size - 65_536))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    limit = int(config.get("max_position_embeddings", 512))
    file = folder / "sentence_bert_config.json"
    if file.is_file():
        limit = min(limit, int(json.loads(file.read_text(encoding="utf-8")).get("max_seq_length") or limit))
    return limit


def _pooling(folder: Path) -> str:
    file = folder / "1_Pooling" / "config.json"
    if file.is_file() and json.loads(file.read_text(encoding="utf-8")).get("pooling_mode_cls_token"):
        return "cls"
    return "mean"


def _batches(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Rows of like length together, longest first, each batch within `limit` tokens with its padding."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    batches: list[list[int]] = []
    for row in order:
        if batches and (len(batches[-1]) + 1) * _padded(lengths[batches[-1][0]]) <= limit:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _padded(length: int) -> int:
    return -(-length // _LENGTH_STEP) * _LENGTH_STEP


def _pad(encoded: Sequence[Sequence[int]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Token ids and mask, int64 (batch, length), with zeros behind each row's end."""
    length = _padded(max(len(row) for row in encoded))
    ids = np.zeros((len(encoded), length), dtype=np.int64)
    mask = np.zeros_like(ids)
    for index, row in enumerate(encoded):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return ids, mask
