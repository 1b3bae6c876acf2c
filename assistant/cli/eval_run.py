"""`crossroads eval run`: ask a suite's samples, score the answers, write the record."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.eval_report import judge_of
from assistant.cli.output import put, put_json, say
from graphs.errors import UsageError

if TYPE_CHECKING:
    from assistant.app import Assistant
    from assistant.config import Settings
    from assistant.evaluation.targets import AssistantTarget
    from eval.asking import Progress
    from eval.dataset import Dataset, Places
    from eval.record import RunRecord
    from eval.suite import Suite


def run(
    suite: Annotated[
        str, typer.Argument(help="A suite's YAML file, or the name of a shipped one.", show_default=False)
    ] = "",
    path: Annotated[str, typer.Option(help="Force this path instead of the suite's.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="Ask this model instead, as provider:model.", show_default=False)] = "",
    limit: Annotated[int | None, typer.Option(help="At most so many samples.", min=1, show_default=False)] = None,
    repeats: Annotated[int | None, typer.Option(help="Ask each sample so often.", min=1, show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="The folder the record goes to.", show_default=False)] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Repeat the run in this folder, from its record.", show_default=False)
    ] = None,
    samples: Annotated[str, typer.Option(help="How the record keeps samples: jsonl or parquet.")] = "jsonl",
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what was asked before.")] = False,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Run a suite; prints each metric with its interval. Exit code 2 where so much failed that nothing was measured.

    Example: crossroads eval run smoke --out runs/smoke

    Example: crossroads eval run my-suite.yaml --path rag --limit 50
    """
    if bool(suite) == bool(from_):
        raise UsageError("A suite or --from RUN is needed, not both.", "Write crossroads eval run smoke.")
    _check_form(samples)
    settings_for(home, set_)  # first: `.env` may say where the public data is
    chosen, dataset, places = _recorded(from_) if from_ else read_suite(suite, limit)
    chosen = _changed(chosen, path, model, repeats)
    settings = settings_for(home, [*(set_ or []), *(f"{key}={value}" for key, value in chosen.target.settings.items())])
    folder = out or settings.home / "eval" / "runs" / f"{chosen.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    say(f"{chosen.name}: {len(dataset.samples)} samples, {', '.join(scorer.name for scorer in chosen.made_scorers())}")
    with _target_in(settings, chosen, places) as target:
        cache = None if fresh else settings.home / "eval" / "cache.db"
        record = _measure(target, chosen, dataset, folder, cache, table=samples == "parquet")
    judge = judge_of(settings, record.judge)
    if as_json:
        put_json(summary_of(record, folder) | ({"judge": judge["metrics"]} if judge else {}))
    else:
        _show(record, folder)
        _show_judge(record, judge)
    _tell_failure(record, dataset, folder)
    lost = record.failed > chosen.gate.max_failed * record.n
    return 2 if lost or record.status != "finished" else 0


def measure(assistant: Assistant, suite: Suite, dataset: Dataset, folder: Path, *, cache: Path | None) -> RunRecord:
    """Run a suite over an opened assistant; Ctrl-C ends it and keeps what there is."""
    from assistant.evaluation.targets import AssistantTarget

    return _measure(AssistantTarget(suite.target, lambda: assistant, assistant), suite, dataset, folder, cache)


def _check_form(samples: str) -> None:
    """Raises `UsageError` where the samples cannot be kept so."""
    from eval.sample_table import check_table

    if samples not in ("jsonl", "parquet"):
        raise UsageError(f"Samples cannot be kept as {samples!r}.", "Write --samples jsonl or --samples parquet.")
    if samples == "parquet":
        check_table()


def _measure(
    target: AssistantTarget, suite: Suite, dataset: Dataset, folder: Path, cache: Path | None, *, table: bool = False
) -> RunRecord:
    from assistant.evaluation.targets import tools_of
    from eval.cache import Cache
    from eval.runner import Run

    with Cache(cache) as kept:
        work = Run(suite, dataset, target, tools_of(target), folder, kept, on_progress=_Ticker().take, table=table)
        return work.start()


@contextmanager
def _target_in(settings: Settings, suite: Suite, places: Places) -> Iterator[AssistantTarget]:
    """The suite's target in its home. The assistant is opened when it is first asked: an unchanged rerun never is."""
    from assistant.evaluation.homes import closed_home, open_for
    from assistant.evaluation.targets import AssistantTarget

    with ExitStack() as opened:

        def open_now() -> Assistant:
            return opened.enter_context(open_for(settings, suite.target.knowledge, places, say))

        closed = closed_home(settings, suite.target.knowledge, places)
        if closed is not None:
            yield AssistantTarget(suite.target, open_now, closed)
        else:
            assistant = open_now()
            yield AssistantTarget(suite.target, lambda: assistant, assistant)


def summary_of(record: RunRecord, folder: Path) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "run": str(folder),
        "suite": record.suite,
        "n": record.n,
        "failed": record.failed,
        "cached": record.cached,
        "metrics": {name: value.model_dump(mode="json") for name, value in record.metrics.items()},
        "missing": record.missing,
        "latency_ms": record.latency_ms.model_dump() if record.latency_ms else None,
        "cost_usd": record.cost_usd,
        "status": record.status,
        "seconds": record.seconds,
    }


def read_suite(name: str, limit: int | None = None) -> tuple[Suite, Dataset, Any]:
    """A suite by name or file, its samples, and where its data lies. Raises `UsageError`."""
    from assistant.documentation import find_documentation
    from eval.dataset import Places, load_dataset
    from eval.runner import check_samples
    from eval.suite import find_suite, load_suite, told_at

    file = find_suite(name)
    suite = load_suite(file)
    places = Places(file, _docs_folder(find_documentation()))
    if suite.target.knowledge not in ("", "docs", "mixed"):
        with told_at(file, "target", "knowledge"):
            places.find(suite.target.knowledge)  # a folder that is not there is told before anything loads
    with told_at(file, "dataset", "path"):
        dataset = load_dataset(suite.dataset, places, limit)
    with told_at(file, "scorers"):
        check_samples(suite, dataset)
    return suite, dataset, places


def _docs_folder(pages: list[Path]) -> Path | None:
    """The folder the documentation's pages and questions lie in."""
    found = [folder for page in pages[:1] for folder in page.parents if (folder / "questions.jsonl").is_file()]
    return found[0] if found else None


def _recorded(folder: Path) -> tuple[Suite, Dataset, Any]:
    from eval.dataset import Places
    from eval.runner import check_samples, recorded_suite

    suite, dataset = recorded_suite(folder)
    check_samples(suite, dataset)
    return suite, dataset, Places(folder)


def _changed(suite: Suite, path: str, model: str, repeats: int | None) -> Suite:
    """The suite with a command's options in place of its own."""
    from eval.suite import Suite as Made

    definition = suite.model_dump(mode="json")
    definition["target"] |= ({"path": path} if path else {}) | ({"model": model} if model else {})
    if repeats:
        definition["repeats"] = repeats
    try:
        return Made(**definition)
    except ValueError:
        cure = "The paths: auto, zero_shot, few_shot, rag, tuned, tuned_rag, tools."
        raise UsageError(f"There is no path {path!r}.", cure) from None


class _Ticker:
    """Tells how far it is: every second on a terminal, every tenth of the way elsewhere."""

    def __init__(self) -> None:
        self._told = (0.0, -1)
        self._live = sys.stderr.isatty()

    def take(self, progress: Progress) -> None:
        """One step."""
        tenth = 10 * progress.done // max(progress.total, 1)
        now = time.monotonic()
        due = now - self._told[0] >= 1 if self._live else tenth > self._told[1]
        if due or progress.done == progress.total:
            self._told = (now, tenth)
            left = f", {progress.left:.0f} s left" if progress.left else ""
            failed = f", {progress.failed} failed" if progress.failed else ""
            say(f"{progress.done}/{progress.total}{failed}, {progress.seconds:.0f} s{left}")


def _judged(record: RunRecord) -> list[str]:
    """The scorers of a run that a judge gave figures to."""
    from eval.scorers import scorer_class

    return [name for name in record.scorers if "judge" in scorer_class(name).needs and name not in record.missing]


def _show_judge(record: RunRecord, judge: dict[str, Any] | None) -> None:
    """How far the judge itself agrees with people, beside what it says."""
    if not (scorers := _judged(record)):
        return
    if judge is None:
        unknown = f"how far {record.judge} agrees with people is not known"
        put(f"{', '.join(scorers)}: {unknown}; measure it: crossroads eval judge")
        return
    found = judge["metrics"]["agreement"]
    put(
        f"{', '.join(scorers)}: {record.judge} agreed with people on {found['value']:.0%} "
        f"({found['low']:.0%} to {found['high']:.0%}) of {found['n']} pairs; half would be chance"
    )


def _tell_failure(record: RunRecord, dataset: Dataset, folder: Path) -> None:
    """The first sample that failed: its line, why, and the cure."""
    if not record.failed:
        return
    from eval.record import read_sample_records

    first = next(item for item in read_sample_records(folder) if item.output.error)
    error = first.output.error or {}
    where = dataset.place(first.sample.id)
    say(f"{record.failed} of {record.n} failed, the first: {where}: {error['message']} {error['cure']}")


def _show(record: RunRecord, folder: Path) -> None:
    for name, found in record.metrics.items():
        if found.value is None:
            put(f"{name:<24} none: no sample could be judged by it")
            continue
        ends = f"[{found.low:.3f}, {found.high:.3f}]" if found.low is not None and found.high is not None else ""
        seen = f"  sees {found.visible:.3f}" if found.visible is not None else "  sees no change: too few samples"
        tries = "".join(f"  {key} {value:.3f}" for key, value in found.stability.items() if key != "repeats")
        put(f"{name:<24} {found.value:>7.3f}  {ends:<16}  n {found.n:>4}{seen}{tries}")
    for name, why in record.missing.items():
        put(f"{name:<24} missing: {why}")
    took = f", {record.latency_ms.p50:.0f} ms a sample (p95 {record.latency_ms.p95:.0f})" if record.latency_ms else ""
    say(f"{record.n} answers, {record.failed} failed, {record.cached} from before, {record.seconds:.1f} s{took}")
    say(f"the record is in {folder}")
