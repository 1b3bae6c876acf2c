"""Runs a suite: asks the target, scores, sums up, and writes a record from which the run can be repeated."""

from __future__ import annotations

import math
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval.asking import Asked, Asker, Progress
from eval.cache import Cache, key_of
from eval.dataset import Dataset
from eval.environment import git_state, machine, versions
from eval.record import SAMPLES, RunRecord, SampleRecord, read_run, read_sample_records, write_run
from eval.sample import Sample, Score
from eval.sample_table import TABLE, write_table
from eval.scorers.base import Metric, Scorer, Tools
from eval.suite import Suite, suite_of
from eval.summary import latency, summarised
from eval.target import Target, asking_of
from graphs.errors import CrossroadsError, StorageError, UsageError


@dataclass
class Run:
    """One run of a suite. `start` blocks until it is over; `cancel` ends it early and keeps what there is."""

    suite: Suite
    dataset: Dataset
    target: Target
    tools: Tools
    folder: Path
    cache: Cache
    on_progress: Callable[[Progress], None] = lambda _: None
    on_sample: Callable[[SampleRecord], None] = lambda _: None
    cancel: threading.Event = field(default_factory=threading.Event)
    table: bool = False
    """Whether the samples are kept as Parquet when the run is over; while it runs they are JSON Lines."""
    _lost: dict[str, int] = field(default_factory=dict)
    """Scorer → samples it could not judge, such as those a judge gave no verdict on."""

    def start(self) -> RunRecord:
        """The record, which also lies in the folder. Raises `UsageError` for a score that is no number."""
        began = time.monotonic()
        scorers = self.suite.made_scorers()
        able, missing = _able(scorers, self.tools)
        identity = self.target.identity()
        record = self._opened(identity, able)
        write_run(self.folder, record)
        asker = Asker(
            self.target, key_of(identity), self.cache, self.suite.timeout, self.suite.seed, self.cancel,
            self.on_progress,
        )  # fmt: skip
        records = self._score_all(asker, able, missing)
        able = [scorer for scorer in able if scorer.name not in missing]
        status = "finished" if len(records) == len(self.dataset.samples) * self.suite.repeats else "interrupted"
        watched = len(watched_metrics(self.suite))
        record = record.model_copy(
            update={
                "status": status,
                "seconds": round(time.monotonic() - began, 3),
                "n": len(records),
                "failed": sum(item.output.failed for item in records),
                "cached": sum(item.cached for item in records),
                "metrics": summarised(able, record.scorers, records, watched, self.cache),
                "missing": missing,
                "latency_ms": latency(records),
                "cost_usd": round(sum(item.output.usage.cost_usd for item in records), 6),
            }
        )
        _write_samples(self.folder, records)
        if self.table:
            write_table(self.folder, records)
            (self.folder / SAMPLES).unlink()
        write_run(self.folder, record)
        return record

    def _opened(self, identity: dict[str, Any], scorers: Sequence[Scorer]) -> RunRecord:
        _make_folder(self.folder)
        data = {"source": self.dataset.source, "sha256": self.dataset.sha256, "rows": len(self.dataset.samples)}
        return RunRecord(
            run_id=uuid.uuid4().hex[:12],
            suite=self.suite.name,
            status="started",
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            definition=self.suite.model_dump(mode="json"),
            data={**data, "file_sha256": self.dataset.file_sha256},
            target={"name": self.target.name, "identity": identity, "sha256": key_of(identity)},
            scorers={scorer.name: scorer_key(scorer, self.tools) for scorer in scorers},
            judge=self.tools.judge_name if any("judge" in scorer.needs for scorer in scorers) else "",
            seed=self.suite.seed,
            versions=versions(),
            git=git_state(),
            machine=machine(),
        )

    def _score_all(self, asker: Asker, scorers: list[Scorer], missing: dict[str, str]) -> list[SampleRecord]:
        """Ask and score; every sample is written down as it comes."""
        groups = dict(zip((sample.id for sample in self.dataset.samples), self.dataset.groups, strict=True))
        order = {sample.id: number for number, sample in enumerate(self.dataset.samples)}
        records: list[SampleRecord] = []
        path = self.folder / SAMPLES
        with path.open("w", encoding="utf-8") as file:
            for asked in asker.results(self.dataset.samples, self.suite.repeats):
                scores = self._scores(asked, scorers, missing)
                record = SampleRecord(
                    sample=asked.sample, repeat=asked.repeat, group=groups[asked.sample.id], output=asked.output,
                    scores=scores, cached=asked.cached,
                )  # fmt: skip
                records.append(record)
                file.write(record.model_dump_json() + "\n")
                file.flush()
                self.on_sample(record)
        return sorted(records, key=lambda record: (record.repeat, order[record.sample.id]))

    def _scores(self, asked: Asked, scorers: list[Scorer], missing: dict[str, str]) -> dict[str, Score]:
        found = {}
        for scorer in scorers:
            if scorer.name in missing or not scorer.judges(asked.sample):
                continue
            try:
                found[scorer.name] = self._score(scorer, asked)
            except UsageError:
                raise
            except CrossroadsError as error:  # a judge that gave no verdict: the worst score, or a rise by failing
                found[scorer.name] = scorer.failure(asked.sample).model_copy(update={"explanation": str(error)})
                self._lost[scorer.name] = self._lost.get(scorer.name, 0) + 1
                if self._lost[scorer.name] > self.suite.gate.max_failed * self._judged():
                    missing[scorer.name] = str(error)
        return found

    def _judged(self) -> int:
        return len(self.dataset.samples) * self.suite.repeats

    def _score(self, scorer: Scorer, asked: Asked) -> Score:
        if asked.output.failed:
            return scorer.failure(asked.sample)
        sample, output = asked.sample.model_dump(mode="json"), asked.output.model_dump(mode="json")
        key = key_of("score", scorer_key(scorer, self.tools), sample, {**output, "seconds": 0})
        kept = self.cache.get(key)
        if kept is not None:
            return Score(**kept)
        score = scorer.score(asked.sample, asked.output, self.tools)
        if not math.isfinite(score.value):
            where = self.dataset.place(asked.sample.id)
            message = f"{where}: the scorer {scorer.name!r} gave {score.value} for sample {asked.sample.id!r}."
            raise UsageError(message, "A score must be a number; mend the scorer or its options.")
        self.cache.put(key, score.model_dump(mode="json"))
        return score


def check_samples(suite: Suite, dataset: Dataset) -> None:
    """What can be known before a model loads. Raises `UsageError` naming line and cure."""
    for sample in dataset.samples if suite.target.kind == "assistant" else ():
        asking_of(sample, dataset.place(sample.id))
    for scorer in suite.made_scorers():
        judged = [sample for sample in dataset.samples if scorer.judges(sample)]
        if not judged:
            there = _columns(dataset.samples[0])
            message = f"{dataset.source}: the scorer {scorer.name!r} applies to no sample."
            raise UsageError(message, f"See what it needs in docs/guide/evaluating.md; the first sample has {there}.")
        for sample in judged:
            if wrong := scorer.check(sample):
                message = f"{dataset.place(sample.id)}: the scorer {scorer.name!r} cannot judge this: {wrong}."
                raise UsageError(message, "Mend the row, or leave it out with `where`.")


def _columns(sample: Sample) -> str:
    there = [name for name in ("target", "contexts") if getattr(sample, name) is not None]
    return ", ".join(["input", *there, *(f"metadata.{key}" for key in sample.metadata)])


def watched_metrics(suite: Suite) -> list[Metric]:
    """The metrics that may not get worse than a baseline's."""
    directed = [metric for metric in suite.metrics() if metric.better != "neither"]
    return directed if suite.watch is None else [metric for metric in directed if metric.name in suite.watch]


def scorer_key(scorer: Scorer, tools: Tools) -> str:
    """Hash of all a scorer's verdict depends on, but for sample and output."""
    models = {need: tools.identity.get(need, "") for need in sorted(scorer.needs)}
    options = asdict(scorer)
    options.pop("where")  # which samples it judges, not how
    return key_of(scorer.name, scorer.version, options, models)


def _able(scorers: Sequence[Scorer], tools: Tools) -> tuple[list[Scorer], dict[str, str]]:
    """Scorers whose needs are met, and why the others cannot judge."""
    cures = {
        "judge": "No judge is set; name one in models.judge.",
        "checker": "No grounding checker is there.",
        "encoder": "No embedding model is there.",
    }
    missing = {}
    for scorer in scorers:
        lacking = [need for need in sorted(scorer.needs & set(cures)) if getattr(tools, need) is None]
        if lacking:
            missing[scorer.name] = cures[lacking[0]]
    return [scorer for scorer in scorers if scorer.name not in missing], missing


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SAMPLES).touch()
        (folder / TABLE).unlink(missing_ok=True)  # of an earlier run in this folder
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{str(folder)!r} cannot be written: {reason}.", "Name another with --out.") from None


def _write_samples(folder: Path, records: Sequence[SampleRecord]) -> None:
    """All of them in the order of the data, whole or not at all."""
    temporary = folder / (SAMPLES + ".new")
    temporary.write_text("".join(record.model_dump_json() + "\n" for record in records), encoding="utf-8")
    shutil.move(temporary, folder / SAMPLES)


def recorded_suite(folder: Path) -> tuple[Suite, Dataset]:
    """Suite and samples of an earlier run, from its record alone. Raises `UsageError` where it has none."""
    record = read_run(folder)
    first: dict[str, SampleRecord] = {item.sample.id: item for item in reversed(read_sample_records(folder))}
    items = list(reversed(first.values()))
    if record.status != "finished" or not items:
        raise UsageError(f"The run in {str(folder)!r} did not finish.", "Run its suite again; it continues.")
    suite = suite_of(record.definition, record.run_id)
    lines = {item.sample.id: number for number, item in enumerate(items, start=1)}
    samples, groups = [item.sample for item in items], [item.group for item in items]
    return suite, Dataset(samples, groups, lines, str(record.data["source"]), str(record.data["file_sha256"]))
