"""A sentence encoder on torch, for training only: the application has its own, without torch."""

from __future__ import annotations

from pathlib import Path


class TorchEncoder:
    """Mean-pooled unit vectors of a BERT sentence encoder folder."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers import BertModel

        if threads:
            torch.set_num_threads(threads)
        self._torch = torch
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)
        self._model = BertModel.from_pretrained(str(folder), add_pooling_layer=False)
        self._model.train(False)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        torch = self._torch
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        longest = max(map(len, encoded))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in encoded])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in encoded])
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            vectors: list[list[float]] = torch.nn.functional.normalize(pooled, dim=-1).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of one text."""
        return self.embed_documents([text])[0]
