"""Runs made by hand, for what shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.record import SAMPLES, MetricValue, RunRecord, SampleRecord, write_run
from eval.sample import Sample, Score
from eval.target import Output
from graphs.answer import Answer, Evidence, Grounding, Passage, RouteDecision, SentenceSupport

TEXT = "The tower is 330 metres tall. It is made of cheese."


def sample_record(number: int, value: float, text: str = TEXT, path: Any = "rag", **metadata: Any) -> SampleRecord:
    """A sample answered by a path; its second sentence is not supported."""
    cut = text.find(". ") + 1
    spans = [(0, cut, True), (cut + 1, len(text), False)] if cut else [(0, len(text), True)]
    grounding = Grounding(
        score=0.2,
        label="partly",
        sentences=[
            SentenceSupport(text=text[start:end], start=start, end=end, score=0.9 if good else 0.2, supported=good)
            for start, end, good in spans
        ],
    )
    passage = Passage(
        chunk_id="c", document_id="d", source="/docs/tower.md", title="The tower", text="The tower is 330 metres tall.",
        start=0, end=29,
    )  # fmt: skip
    answer = Answer(
        text=text,
        route=RouteDecision(path=path, reason="Your documents have it.", confidence=0.9),
        grounding=grounding,
        evidence=[Evidence(passage=passage, kept=True, why="answers the question")],
    )
    sample = Sample(id=f"s{number}", input=f"How tall is tower {number}?", target="330 metres", metadata=metadata)
    output = Output(text=text, answer=answer, seconds=0.5 + number / 10)
    return SampleRecord(sample=sample, output=output, scores={"f1": Score(value=value, explanation=f"{value} of 1")})


def write_made_run(
    folder: Path, records: list[SampleRecord], started: str = "2026-01-02T03:04:05", **fields: Any
) -> Path:
    """A finished run of the suite `tower` with those samples."""
    folder.mkdir(parents=True, exist_ok=True)
    mean = sum(record.scores["f1"].value for record in records if record.scores) / len(records)
    metric = MetricValue(value=mean, low=max(0.0, mean - 0.2), high=min(1.0, mean + 0.2), n=len(records))
    record = RunRecord(
        run_id=folder.name, suite="tower", status="finished", started=started, seconds=3.0, n=len(records),
        failed=sum(record.output.failed for record in records), metrics={"f1": metric}, **{"definition": {}, **fields},
    )  # fmt: skip
    (folder / SAMPLES).write_text("".join(each.model_dump_json() + "\n" for each in records), encoding="utf-8")
    write_run(folder, record)
    return folder


def failed_record(number: int) -> SampleRecord:
    """A sample whose target failed."""
    error = {"type": "timeout", "message": "The model took too long.", "cure": "Try again."}
    sample = Sample(id=f"s{number}", input=f"How tall is tower {number}?", target="330 metres")
    return SampleRecord(sample=sample, output=Output(error=error, seconds=9.0), scores={"f1": Score(value=0.0)})
