"""The local embedding model: texts to unit vectors on this computer, without torch on a CPU.

On a CPU the encoder runs in OpenVINO. The compiled graph is kept under `CROSSROADS_CACHE/engines`, so that a later
process maps a file instead of building a graph. OpenVINO computes in the precision the CPU is fastest in; against
fp32 torch the cosine stays above 0.999 (tests/assistant/knowledge/test_embedding.py). On a CUDA GPU, and for encoders
that are not a BERT, torch runs the model.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.knowledge.types import Vectors
from graphs.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    Forward = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], np.ndarray[Any, Any]]

ENGINE_VERSION = 1
"""Raise it when `encoder_graph` changes, so that no old compiled graph is used."""
_BATCH_TOKENS = 4096
"""Tokens in one forward pass on a CPU: larger is no faster there, and a question waits for at most one pass."""
_GPU_BATCH_TOKENS = 65_536
_COUNT_AT_ONCE = 500_000
"""Characters tokenized at once when counting."""
_LENGTH_STEP = 16
"""Lengths are padded to multiples of this, so that few shapes have to be prepared."""


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
        self._forward: Forward | None = None
        self._batch_tokens = _BATCH_TOKENS

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector for each text, as LangChain wants them."""
        return [vector.tolist() for vector in self.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of one text."""
        return self.embed_documents([text])[0]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dimensions), float32. Text behind `max_tokens` tokens is not seen."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        forward = self.warm()
        encoded = [encoding.ids for encoding in self._load_tokenizers()[0].encode_batch(list(texts))]
        for rows in _batches([len(ids) for ids in encoded], self._batch_tokens):
            ids, mask = _pad([encoded[row] for row in rows])
            with self._lock:  # one pass at a time: the cores are shared anyway, a request cannot be entered twice
                vectors[rows] = forward(ids, mask)
        return vectors

    def token_starts(self, text: str) -> Sequence[int]:
        """Where in `text` each token begins, without the special ones; never truncated."""
        counter = self._load_tokenizers()[1]
        starts = array("q")
        for part_start, part in _parts(text):
            offsets = counter.encode(part, add_special_tokens=False).offsets
            starts.extend(part_start + start for start, _ in offsets)
        return starts

    def warm(self) -> Forward:
        """Load the model now, so that the first question does not wait. Raises `ModelError`."""
        if self._forward is None:
            self._load_tokenizers()
            with self._lock:
                self._forward = self._forward or self._load()
        return self._forward

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

    def _load(self) -> Forward:
        pooling = _pooling(self.folder)
        try:
            if self.settings.models.device == "cuda" or (self.settings.models.device == "auto" and _has_cuda()):
                self._batch_tokens = _GPU_BATCH_TOKENS
                return _torch_forward(self.folder, pooling, "cuda")
            if self.config.get("model_type") != "bert" or not (self.folder / "model.safetensors").is_file():
                return _torch_forward(self.folder, pooling, "cpu")
            return _openvino_forward(self.folder, pooling, self.settings, self.fingerprint)
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


def _has_cuda() -> bool:
    """Whether torch can use a GPU. Torch takes seconds to import, so it is asked only where a driver is there."""
    if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg")):
        return False
    import torch

    return torch.cuda.is_available()


def _openvino_forward(folder: Path, pooling: str, settings: Settings, fingerprint: str) -> Forward:
    import openvino

    core = openvino.Core()
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if settings.models.threads:
        options["INFERENCE_NUM_THREADS"] = settings.models.threads
    compiled = _compiled(core, folder, pooling, options, _cache_file(core, folder, settings, fingerprint))
    request = compiled.create_infer_request()

    def forward(ids: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.array(request.infer([ids, mask])[0], dtype=np.float32)

    return forward


def _cache_file(core: Any, folder: Path, settings: Settings, fingerprint: str) -> Path:
    import openvino

    made_by = [ENGINE_VERSION, openvino.get_version(), core.get_property("CPU", "FULL_DEVICE_NAME")]
    made_by.append(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    key = hashlib.sha256(json.dumps([fingerprint, *made_by]).encode()).hexdigest()[:16]
    return settings.cache / "engines" / f"{folder.name}-{key}.blob"


def _compiled(core: Any, folder: Path, pooling: str, options: dict[str, Any], file: Path) -> Any:
    """The compiled graph from the cache, else built and cached. A cache that cannot be used costs time only."""
    from assistant.knowledge.encoder_graph import build

    if file.is_file():
        try:
            return core.import_model(file.read_bytes(), "CPU", options)
        except RuntimeError:  # cut short, or of another build of OpenVINO: made again below
            file.unlink(missing_ok=True)
    compiled = core.compile_model(build(folder, pooling), "CPU", options)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(compiled.export_model().getbuffer())
        partial.replace(file)
    except OSError:  # a full or read-only cache: the model in memory works all the same
        partial.unlink(missing_ok=True)
    return compiled


def _torch_forward(folder: Path, pooling: str, device: str) -> Forward:
    import torch
    from transformers import AutoModel

    dtype = torch.float16 if device == "cuda" else torch.float32
    model = AutoModel.from_pretrained(folder, dtype=dtype).to(device).eval()

    @torch.inference_mode()
    def forward(ids: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        keep = torch.from_numpy(mask).to(device)
        hidden = model(input_ids=torch.from_numpy(ids).to(device), attention_mask=keep).last_hidden_state.float()
        weights = keep.unsqueeze(-1).float()
        pooled = (hidden * weights).sum(1) / weights.sum(1) if pooling == "mean" else hidden[:, 0]
        vectors: np.ndarray[Any, Any] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    return forward
