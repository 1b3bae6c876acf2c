"""`crossroads eval compare`: every path on the same questions, with what each costs and needs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Run, Set, session
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import BusyError, CrossroadsError, UsageError

if TYPE_CHECKING:
    from eval.comparison import Comparison, PathRun
    from eval.record import SampleRecord
    from eval.sample import Sample, Score
    from eval.scorers.base import Scorer
    from graphs.answer import Grounding

OWN = "docs"


def compare(
    dataset: Annotated[
        str, typer.Argument(help="A JSONL, CSV, TSV or Parquet file, hub:NAME, or docs.", show_default=False)
    ],
    paths: Annotated[str, typer.Option(help="all, or names of paths separated by commas.")] = "all",
    scorer: Annotated[
        str, typer.Option(help="What judges an answer, such as f1, exact_match or classification.")
    ] = "f1",
    limit: Annotated[int, typer.Option(help="Only the first so many samples; 0 is all.", min=0)] = 0,
    collection: Annotated[str, typer.Option(help="Where paths with documents look.", show_default=False)] = "",
    usd_per_hour: Annotated[float, typer.Option(help="What an hour of this machine costs.", min=0)] = 0.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for every answer; started again, it continues.", show_default=False)
    ] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Answer the same questions by every path, and say which path is best for them and why.

    Example: crossroads eval compare questions.jsonl --paths zero_shot,rag --limit 100 --out comparison
    """
    wanted = path_names(paths)
    samples = _samples(dataset, limit)
    judge = _scorer(scorer, samples)  # before anything is loaded
    started = time.monotonic()
    with session(home, set_) as run:
        found, missing = _run_all(run, samples, wanted, judge, collection, out)
    from eval.comparison import build

    made = build(found, missing, usd_per_hour)
    result = {"dataset": dataset, "n": len(samples), "scorer": scorer, **asdict(made)}
    result["seconds"] = round(time.monotonic() - started, 3)
    if out:
        (out / "comparison.json").write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    if as_json:
        put_json(result)
    else:
        show(made)
    return 0 if made.rows else 1


def path_names(text: str) -> list[str]:
    """The paths to compare. Raises `UsageError` naming those there are."""
    from eval.path_facts import COMPARED

    names = list(COMPARED) if text == "all" else [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in COMPARED]
    if unknown or not names:
        wrong = f"There is no path {unknown[0]!r} to compare" if unknown else "No path is named"
        raise UsageError(f"{wrong}.", f"Write --paths all, or some of {', '.join(COMPARED)}.")
    return names


def _samples(dataset: str, limit: int) -> list[Sample]:
    """What a suite could name as its dataset. Raises `UsageError` naming the line and the cure."""
    from assistant.documentation import find_documentation
    from eval.dataset import Places, load_dataset
    from eval.suite import DatasetSpec

    folders = [folder for page in find_documentation() for folder in page.parents]
    docs = next((folder for folder in folders if (folder / "questions.jsonl").is_file()), None)
    name = "docs:questions.jsonl" if dataset == OWN else str(dataset)
    where = Places(Path.cwd() / "compare", docs)
    return load_dataset(DatasetSpec(path=name), where, limit or None).samples


def _scorer(name: str, samples: list[Sample]) -> Scorer:
    """The scorer; a classification knows the labels of the data. Raises `UsageError`."""
    from eval.scorers import make_scorer
    from eval.scorers.base import answers_of

    labels = sorted({answer for sample in samples for answer in answers_of(sample) if answer})
    scorer = make_scorer(name, {"labels": tuple(labels)} if name == "classification" else {})
    if missing := scorer.needs - {"target"}:
        raise UsageError(f"The scorer {name!r} needs {', '.join(sorted(missing))}.", "Choose one such as f1.")
    return scorer


def _run_all(
    run: Run, samples: list[Sample], wanted: list[str], scorer: Scorer, collection: str, out: Path | None
) -> tuple[list[PathRun], dict[str, str]]:
    """Every path that can be taken, and why the others cannot."""
    from eval.comparison import PathRun

    blocked = run("paths", {}, quiet)
    found, missing = [], {}
    for path in wanted:
        if blocked.get(path):
            missing[path] = blocked[path]
            say(f"{path}: cannot be taken, because {blocked[path]}")
            continue
        records = _answers(run, samples, path, collection, out)
        found.append(PathRun(path, records, [_judge(run, record, scorer) for record in records]))
        if out:
            _write_run(out / path, path, found[-1], scorer)
    return found, missing


def _answers(run: Run, samples: list[Sample], path: str, collection: str, out: Path | None) -> list[SampleRecord]:
    """An answer for every sample, those already in `out` not asked again."""
    from eval.record import SAMPLES, read_sample_records

    file = out / path / SAMPLES if out else None
    done: dict[str, SampleRecord] = {}
    if file and file.is_file():
        done = {each.sample.id: each for each in read_sample_records(file.parent) if not each.output.failed}
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(each.model_dump_json() + "\n" for each in done.values()), encoding="utf-8")
    started = time.monotonic()
    asked = 0
    for number, sample in enumerate(samples, start=1):
        if sample.id not in done:
            done[sample.id] = record = _ask(run, sample, path, collection)
            asked += 1
            if file:
                with file.open("a", encoding="utf-8") as lines:
                    lines.write(record.model_dump_json() + "\n")
        if number % 10 == 0 or number == len(samples):
            left = (time.monotonic() - started) / max(asked, 1) * (len(samples) - number)
            say(f"{path}: {number} of {len(samples)}, about {left:.0f} s left")
    return [done[sample.id] for sample in samples]


def _ask(run: Run, sample: Sample, path: str, collection: str) -> SampleRecord:
    from eval.record import SampleRecord
    from eval.target import Output
    from graphs.answer import Answer

    with_documents = path in {"rag", "tuned_rag"}
    asked: dict[str, Any] = {"question": sample.input, "path": path, "history": [], "collection": collection}
    asked["contexts"] = sample.contexts if with_documents else None
    started = time.monotonic()
    try:
        answer = Answer(**run("ask", asked, quiet)["answer"])
    except BusyError:
        raise  # the service is gone: the other questions would fail alike
    except CrossroadsError as error:
        output = Output(seconds=time.monotonic() - started, error=error.as_json()["error"])
    else:
        seconds = answer.timing.total / 1000 or time.monotonic() - started
        kept = [item.passage for item in answer.evidence]
        output = Output(text=answer.text, answer=answer, passages=kept, usage=answer.usage, seconds=seconds)
    group = str(sample.metadata.get("group") or sample.metadata.get("source") or sample.metadata.get("title") or "")
    return SampleRecord(sample=sample, group=group, output=output)


class _RemoteChecker:
    """The checker of the assistant that answers, wherever it runs."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def check(self, text: str, evidence: Any) -> Grounding:
        """The grounding of `text`."""
        from graphs.answer import Grounding

        found = self._run("check", {"output": text, "contexts": list(evidence)}, quiet)
        return Grounding(**{key: found[key] for key in Grounding.model_fields})


def _judge(run: Run, record: SampleRecord, scorer: Scorer) -> Score:
    from eval.comparison import judged
    from eval.scorers.base import Tools
    from eval.ungrounded import evidence_of, unsupported

    evidence = evidence_of(record.sample, record.output)
    wrong, sentences = unsupported(record.output, evidence, _RemoteChecker(run))
    return judged(record, scorer, Tools(), wrong, sentences)


def _write_run(folder: Path, path: str, run: PathRun, scorer: Scorer) -> None:
    """The path's answers as a run like any other, so that reports and the page show it."""
    from eval.comparison import METRICS
    from eval.record import SAMPLES, Latency, MetricValue, RunRecord, write_run
    from eval.statistics import interval

    groups = [record.group or record.sample.id for record in run.records]
    metrics = {}
    for metric in METRICS:
        had = interval(metric, metric.parts(run.scores), groups)
        if had is not None:
            metrics[metric.name] = MetricValue(
                value=had.value, low=had.low, high=had.high, n=len(groups), better=metric.better, method=had.method
            )
    times = sorted(1000 * record.output.seconds for record in run.records)
    latency = Latency(p50=times[len(times) // 2], p95=times[int(0.95 * (len(times) - 1))], mean=sum(times) / len(times))
    rows = [
        record.model_copy(update={"scores": {"quality": score}})
        for record, score in zip(run.records, run.scores, strict=True)
    ]
    (folder / SAMPLES).write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
    record = RunRecord(
        run_id=f"{folder.parent.name}-{path}",
        suite=f"compare {path}",
        status="finished",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=sum(times) / 1000,
        n=len(rows),
        failed=sum(row.output.failed for row in rows),
        metrics=metrics,
        latency_ms=latency,
        cost_usd=sum(row.output.usage.cost_usd for row in rows),
        definition={"compare": path, "scorer": scorer.name},
    )
    write_run(folder, record)


def show(made: Comparison) -> None:
    """Print the table, the recommendation and its reasons."""
    put("path       quality                unsupported   p50 s   p95 s    $ each   $ 1,000  $ 1,000,000")
    for row in made.rows:
        figure, made_up = row["metrics"]["quality"], row["metrics"].get("hallucinated_answers", {"value": 0.0})
        between = f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"
        times = [row["latency_ms"][key] / 1000 for key in ("p50", "p95")]
        month = [row["monthly"][key]["usd"] for key in ("1000", "1000000")]
        put(
            f"{row['path']:<10} {between:<22} {made_up['value']:>11.0%} {times[0]:>7.2f} {times[1]:>7.2f} "
            f"{row['cost_usd']:>9.5f} {month[0]:>9.2f} {month[1]:>12.2f}"
        )
    for row in made.rows:
        put(f"{row['path']}: needs {row['data_needed']}; fresh: {row['freshness']}; privacy: {row['privacy']}")
    for path, reason in made.missing.items():
        put(f"{path}: not measured, because {reason}")
    put(f"\nRecommended: {made.recommendation or 'nothing'}")
    for reason in made.why:
        put(f"  {reason}")
    if made.changes:
        put("What would change this:")
    for change in made.changes:
        put(f"  {change}")
