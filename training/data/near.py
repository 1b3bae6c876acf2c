"""Near duplicates by MinHash: datatrove's four steps, with one rank a part; and the same in memory for a few rows."""

from __future__ import annotations

import json
import struct
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from training.data.words import run_hashes, word_tokenizer

RUN, BANDS, ROWS = 5, 14, 8
"""Words in a run; bands of a signature and hashes in each: two texts are found with chance ½ at about 0.72."""
ALIKE = 0.72


class NearDuplicates:
    """Texts that share most of their five-word runs.

    What it knows stands in a folder; a step that was finished is not repeated.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, parts: Sequence[Path], fields: tuple[str, ...]) -> None:
        """Find, over all parts, which rows are near to an earlier one."""
        from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets, MinhashDedupCluster
        from loguru import logger

        logger.disable("datatrove")
        folder, config = str(self._folder), self._config()
        signature = _signature(f"{folder}/signatures", config)
        for rank, part in enumerate(parts):
            self._once(f"signature-{rank}", lambda part=part, rank=rank: signature.run(_documents(part, fields), rank))
        buckets = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)
        for rank in range(config.num_buckets):
            self._once(f"bucket-{rank}", lambda rank=rank: buckets.run(None, rank, config.num_buckets))
        cluster = MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config)
        self._once("cluster", lambda: cluster.run(None, 0, 1))

    def removed(self, rank: int) -> frozenset[int]:
        """The places of a part's rows that are near duplicates of a row that stays."""
        path = self._folder / "removed" / f"{rank:06d}.remove"
        data = path.read_bytes() if path.is_file() else b""
        return frozenset(number for (number,) in struct.iter_unpack("<I", data))

    def _config(self) -> Any:
        from datatrove.pipeline.dedup.minhash import MinhashConfig
        from datatrove.utils.hashing import HashConfig

        hashing = HashConfig(hash_fc="sha1", precision=64)  # its xxhash fails with today's xxhash package
        return MinhashConfig(n_grams=RUN, num_buckets=BANDS, hashes_per_bucket=ROWS, hash_config=hashing)

    def _once(self, name: str, step: Any) -> None:
        mark = self._folder / "done" / name
        if not mark.exists():
            result = step()
            for _ in result or ():  # some steps are generators and work only when they are read
                pass
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _signature(folder: str, config: Any) -> Any:
    """datatrove's first step with runs of words hashed together, and plain letters not looked at for accents: the same
    runs count as the same, in a third of the time."""
    from dataclasses import replace

    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
    from datatrove.utils.text import simplify_text

    plain = replace(config.norm_config, norm_unicode_diacritics=False)

    class Signature(MinhashDedupSignature):  # type: ignore[misc]
        """The step."""

        def get_shingles(self, text: str) -> Any:
            """The hashed runs of a text, shape (runs, 1)."""
            simple = simplify_text(text, plain if text.isascii() else config.norm_config)
            return run_hashes(self.word_tokenizer.word_tokenize(simple), config.n_grams).reshape(-1, 1)

    return Signature(folder, config, language=word_tokenizer())


def _documents(part: Path, fields: tuple[str, ...]) -> Iterator[Any]:
    from datatrove.data import Document

    with part.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            yield Document(text="\n".join(str(row[name]) for name in fields), id=str(number))


def near_rows(rows: Sequence[tuple[Hashable, Sequence[str]]]) -> frozenset[int]:
    """The places of rows that are near duplicates of an earlier one that stays. A row is what must be equal, and words.

    For what fits into memory: datasketch's index with the bands of `NearDuplicates`, and the estimate of a pair's share
    of common runs looked at again.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    kept: dict[int, Any] = {}
    gone = set()
    for place, (equal, words) in enumerate(rows):
        made = MinHash(num_perm=BANDS * ROWS, seed=1)
        last = max(1, len(words) - RUN + 1)
        made.update_batch(sorted({" ".join(words[start : start + RUN]).encode() for start in range(last)}))
        like = (kept[other] for other in index.query(made) if rows[other][0] == equal)
        if any(made.jaccard(other) >= ALIKE for other in like):
            gone.add(place)
        else:
            kept[place] = made
            index.insert(place, made)
    return frozenset(gone)
