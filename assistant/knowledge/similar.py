"""Near-duplicates: documents that say almost the same, noticed while they are loaded and told, never refused.

Each document has a MinHash signature (Broder 1997, by `datasketch`) of its runs of five words; the share of equal
places in two signatures estimates the share of runs the two texts have in common.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Engine, LargeBinary, String, Table, delete, insert, select

from assistant.database import metadata, storage_errors, writing
from assistant.knowledge.catalogue import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

Signature = NDArray[np.uint32]
ALIKE = 0.8
"""From this share of common runs on two documents count as nearly the same."""
_PLACES = 64
_RUN = 5
_MOST_RUNS = 20_000
_signatures = Table(
    "document_signatures",
    metadata,
    Column("document_id", String, primary_key=True),
    Column("signature", LargeBinary, nullable=False),
)


def signature_of(text: str) -> Signature:
    """The signature of a text, 64 numbers."""
    from datasketch import MinHash

    words = re.findall(r"\w+", text.lower())
    last = max(1, min(len(words) - _RUN + 1, _MOST_RUNS))
    runs = {" ".join(words[place : place + _RUN]) for place in range(last)}
    made = MinHash(num_perm=_PLACES, seed=1)
    made.update_batch([run.encode() for run in sorted(runs)])
    return np.asarray(made.hashvalues, dtype=np.uint32)


class Similar:
    """The signatures of one collection's documents. Not to be shared between threads."""

    def __init__(self, engine: Engine, collection: str) -> None:
        self.engine = engine
        self._sources: list[str] = []
        self._signatures: list[Signature] = []
        for source, signature in self._stored(collection):
            self._sources.append(source)
            self._signatures.append(np.frombuffer(signature, dtype=np.uint32))

    def nearest(self, source: str, signature: Signature) -> tuple[str, float] | None:
        """The other source most like this one and how much they share; None where none shares enough."""
        others = [place for place, known in enumerate(self._sources) if known != source]
        if not others:
            return None
        shares = (np.stack([self._signatures[place] for place in others]) == signature).mean(axis=1)
        best = int(np.argmax(shares))
        return (self._sources[others[best]], float(shares[best])) if shares[best] >= ALIKE else None

    def keep(self, document_id: str, source: str, signature: Signature) -> None:
        """Remember a document's signature."""
        with writing(self.engine) as connection:
            connection.execute(delete(_signatures).where(_signatures.c.document_id == document_id))
            connection.execute(insert(_signatures).values(document_id=document_id, signature=signature.tobytes()))
        self._sources.append(source)
        self._signatures.append(signature)

    def _stored(self, collection: str) -> Sequence[Any]:
        query = (
            select(documents.c.source, _signatures.c.signature)
            .join(_signatures, _signatures.c.document_id == documents.c.document_id)
            .where(documents.c.collection == collection, documents.c.state == "ready")
        )
        with writing(self.engine) as connection:  # what was deleted is forgotten here, in one place
            known = select(documents.c.document_id)
            connection.execute(delete(_signatures).where(_signatures.c.document_id.not_in(known)))
        with storage_errors(self.engine), self.engine.connect() as connection:
            return connection.execute(query).all()
