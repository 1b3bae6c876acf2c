"""A cross-encoder that looks at question and passage together: any Hugging Face sequence-classification folder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.config import Settings
from graphs.errors import ModelError, NotFoundError

_BATCH = 16


class CrossEncoder:
    """Loads at its first use. Safe under threads."""

    def __init__(self, folder: str, device: str = "cpu") -> None:
        self.folder, self.device = folder, device
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """The logit that a text answers the question: the only class, or the last of several. Raises `ModelError`."""
        import torch

        with self._lock, torch.inference_mode():
            tokenizer, model = self._load()
            most = min(512, getattr(model.config, "max_position_embeddings", 512))
            scores: list[float] = []
            for start in range(0, len(texts), _BATCH):
                pairs = [(question, text) for text in texts[start : start + _BATCH]]
                batch = tokenizer(pairs, padding=True, truncation="only_second", max_length=most, return_tensors="pt")
                logits = model(**batch.to(self.device)).logits
                scores += logits[:, -1].float().tolist()
        return scores

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            try:
                tokenizer = AutoTokenizer.from_pretrained(self.folder)
                model = AutoModelForSequenceClassification.from_pretrained(self.folder).to(self.device).eval()
            except (OSError, ValueError, KeyError) as error:
                cure = "Name the folder of a sequence-classification model in knowledge.reranker, or leave it empty."
                raise ModelError(f"The reranker {self.folder!r} does not load: {error}.", cure) from error
            self._loaded = tokenizer, model
        return self._loaded


def open_reranker(settings: Settings) -> CrossEncoder | None:
    """The reranker `knowledge.reranker` names (`local:NAME` of the registry, or `hf:` a folder or repository).

    None where none is set. Raises `NotFoundError` for a local name without a live version.
    """
    name = settings.knowledge.reranker
    if not name:
        return None
    from assistant.engines.loading import pick_device

    provider, _, rest = name.partition(":")
    if provider == "local":
        return CrossEncoder(str(_registered(rest, settings)), pick_device(settings))
    folder = rest if provider == "hf" else name
    return CrossEncoder(str(Path(folder).expanduser()) if folder.startswith("~") else folder, pick_device(settings))


def _registered(name: str, settings: Settings) -> Path:
    from training.registry import Registry

    registry = Registry(settings.home / "models")
    version = registry.live(name)
    if version is None:
        known = ", ".join(registry.names()) or "none yet"
        raise NotFoundError(f"There is no live local reranker {name!r}.", f"Registered models: {known}.")
    return registry.folder(version.name, version.version)
