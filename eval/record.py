"""The record of a run: `run.json` says what was measured and how, `samples.jsonl` holds every sample and its scores.

The samples can also be a table, `samples.parquet`; whoever reads a run takes either.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.sample import Sample, Score, read_rows
from eval.sample_table import TABLE, read_table
from eval.target import Output
from graphs.errors import UsageError

FORMAT = 1
RUN, SAMPLES = "run.json", "samples.jsonl"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricValue(_Record):
    """A figure with its interval."""

    value: float | None
    """None where no sample was judged."""
    low: float | None
    high: float | None
    n: int
    """Samples judged, the failed among them."""
    clusters: int = 0
    """Groups of samples that share something, such as a document; `n` where none do."""
    better: Literal["higher", "lower", "neither"] = "higher"
    method: str = ""
    """How the interval was computed."""
    scorer: str = ""
    visible: float | None = None
    """The smallest change another run of these samples would show (one-sided 5 %, power 80 %, two independent runs)."""
    stability: dict[str, float] = {}
    """Over repeats: `spread` (standard deviation between repeats), `pass^k` for 0/1 scores."""


class Latency(_Record):
    """Milliseconds a sample took."""

    p50: float
    p95: float
    mean: float


class SampleRecord(_Record):
    """One sample, asked once: what came back and what the scorers thought of it."""

    sample: Sample
    repeat: int = 0
    group: str = ""
    """What samples share by chance, such as the document: intervals draw whole groups."""
    output: Output
    scores: dict[str, Score] = {}
    """By scorer; one that does not apply to the sample is absent."""
    cached: bool = False


class RunRecord(_Record):
    """Everything a run depends on and what came out: a run can be repeated from this alone."""

    format: int = FORMAT
    run_id: str
    suite: str
    status: Literal["started", "interrupted", "finished"]
    started: str
    seconds: float = 0.0
    n: int = 0
    """Samples times repeats."""
    failed: int = 0
    cached: int = 0
    metrics: dict[str, MetricValue] = {}
    missing: dict[str, str] = {}
    """Scorers that could not judge, and why: no judge is set, for one."""
    latency_ms: Latency | None = None
    """Of outputs not taken from the cache together with those that were: their first measurement."""
    cost_usd: float = 0.0
    definition: dict[str, Any]
    """The suite as it was read (`Suite`)."""
    data: dict[str, Any] = {}
    """`source`, `sha256` of the samples used, `file_sha256`, `rows`."""
    target: dict[str, Any] = {}
    """`name`, `identity`, `sha256` of the identity."""
    scorers: dict[str, str] = {}
    """Scorer → hash of its options, version and models."""
    judge: str = ""
    """The model that judged, where a scorer asked one."""
    seed: int = 0
    versions: dict[str, str] = {}
    git: dict[str, Any] = {}
    machine: dict[str, Any] = {}


def write_run(folder: Path, record: RunRecord) -> None:
    """Write `run.json`, whole or not at all."""
    temporary = folder / (RUN + ".new")
    temporary.write_text(json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, folder / RUN)


def read_run(folder: Path) -> RunRecord:
    """The record in a run's folder (or of a `run.json`). Raises `UsageError` where there is none that can be read."""
    path = folder if folder.name == RUN else folder / RUN
    try:
        return RunRecord(**json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{str(folder)!r} holds no run: {reason}.", "Name a folder `eval run` wrote.") from None
    except (ValueError, TypeError, ValidationError) as error:
        raise UsageError(f"{str(path)!r} is no record of a run: {str(error)[:200]}.", "Run the suite again.") from None


def read_sample_records(folder: Path) -> list[SampleRecord]:
    """Every sample of a run, in the order it was asked. Raises `UsageError` naming the line that cannot be read."""
    home = folder.parent if folder.name == RUN else folder
    path = home / SAMPLES
    if not path.is_file() and (home / TABLE).is_file():
        path = home / TABLE
        rows = [(number, json.loads(text)) for number, text in enumerate(read_table(path), start=1)]
    else:
        rows = list(read_rows(path))
    records = []
    for number, row in rows:
        try:
            records.append(SampleRecord(**row))
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"{path}, line {number}: {first['loc']}: {first['msg']}.", "Run the suite again."
            ) from None
    return records
