"""The report's page put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from eval.record import RunRecord, SampleRecord, read_run, read_sample_records
from eval.report.plots import figure, metric_table
from eval.report.samples import difference_details, differences, worst_samples
from eval.report.slices import slice_tables
from graphs.errors import StorageError

_STYLE = Path(__file__).resolve().parent / "style.css"
NAME = "report.html"


def write_report(
    run: Path, out: Path | None = None, baseline: Path | None = None, judge: dict[str, Any] | None = None
) -> Path:
    """Write a run's report beside it, or to `out`; the file. `baseline` is another run's folder to compare with.

    `judge` is what `crossroads eval judge` found about the run's judge. Raises `UsageError` where a folder holds no
    run, `StorageError` where the file cannot be written.
    """
    record, samples = read_run(run), read_sample_records(run)
    before = (read_run(baseline), read_sample_records(baseline)) if baseline else None
    page = render(record, samples, before, judge)
    target = out or (run if run.is_dir() else run.parent) / NAME
    temporary = target.with_name(target.name + ".new")
    try:
        temporary.write_text(page, encoding="utf-8")
        os.replace(temporary, target)
    except OSError as error:
        raise StorageError(f"{str(target)!r} cannot be written: {error.strerror}.", "Name a file with --out.") from None
    return target


def render(
    record: RunRecord,
    samples: Sequence[SampleRecord],
    before: tuple[RunRecord, Sequence[SampleRecord]] | None = None,
    judge: dict[str, Any] | None = None,
) -> str:
    """The page as HTML. It holds its style and its plots; nothing is loaded from anywhere."""
    title = f"{record.suite}, {record.started[:16].replace('T', ' ')}"
    parts = [
        f"<h1>{escape(record.suite)}</h1>",
        _about(record),
        "<h2>Figures</h2>",
        metric_table(record.metrics, before[0].metrics if before else None),
        _missing(record),
        f"<p>{escape(said)}</p>" if (said := judge_line(record, judge)) else "",
        _other(record),
    ]
    if before:
        pairs = differences(before[1], samples)
        parts += [f"<h2>What differs from {escape(before[0].run_id)}</h2>", _sum(pairs), difference_details(pairs)]
    parts += [
        "<h2>Slices</h2>",
        slice_tables(samples, scorers_of(samples), record.definition.get("slices") or ()),
        "<h2>Worst samples</h2>",
        worst_samples(samples),
        "<h2>How to repeat this</h2>",
        _origin(record),
    ]
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def scorers_of(samples: Sequence[SampleRecord]) -> list[str]:
    """The scorers of a run, in the order they are met."""
    return list(dict.fromkeys(name for record in samples for name in record.scores))


def _about(record: RunRecord) -> str:
    state = "" if record.status == "finished" else f" <b>{escape(record.status)}</b>"
    target = f"{escape(str(record.target['name']))} · " if record.target.get("name") else ""
    failed = f", {record.failed} failed" if record.failed else ", none failed"
    cached = f", {record.cached} from the cache" if record.cached else ""
    return (
        f'<p class="quiet">{escape(record.started[:16].replace("T", " "))}{state} · {target}{record.n} samples'
        f"{failed}{cached} · {record.seconds:.0f} s · run {escape(record.run_id)}</p>"
    )


def _missing(record: RunRecord) -> str:
    return "".join(f"<p>Not judged: {escape(name)}. {escape(reason)}</p>" for name, reason in record.missing.items())


def judge_line(record: RunRecord, judge: dict[str, Any] | None) -> str:
    """How far the judge of a run agrees with people, in a sentence; empty where no model judged."""
    if not record.judge:
        return ""
    if not judge:
        return f"How far the judge {record.judge} agrees with people is not known; measure it: crossroads eval judge."
    agreement = judge["metrics"]["agreement"]
    return (
        f"The judge {record.judge} agreed with people in {agreement['value']:.0%} of {agreement['n']} pairs "
        f"({agreement['low']:.0%} to {agreement['high']:.0%}); half would be chance."
    )


def _other(record: RunRecord) -> str:
    rows = []
    if record.latency_ms:
        times = record.latency_ms
        rows.append(
            f"An answer took {times.p50 / 1000:.2f} s at the median, 95 % took less than {times.p95 / 1000:.2f} s."
        )
    rows.append(f"The run cost {figure(record.cost_usd)} US dollars.")
    return "".join(f"<p>{row}</p>" for row in rows)


def _sum(pairs: Sequence[Any]) -> str:
    better, worse = sum(pair.change > 0 for pair in pairs), sum(pair.change < 0 for pair in pairs)
    return (
        f"<p>{better} samples came out better, {worse} worse, {len(pairs) - better - worse} only otherwise worded.</p>"
    )


def _origin(record: RunRecord) -> str:
    rows = {
        "seed": str(record.seed),
        "data": str(record.data.get("sha256", "")),
        "target": str(record.target.get("sha256", "")),
        **{f"git {key}": str(value) for key, value in record.git.items()},
        **{f"machine {key}": str(value) for key, value in record.machine.items()},
        **{f"version of {key}": value for key, value in record.versions.items()},
    }
    cells = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>" for key, value in rows.items() if value)
    table = f'<div class="wide"><table>{cells}</table></div>'
    return f"<details><summary>Seed, hashes, machine and versions</summary>{table}</details>"
