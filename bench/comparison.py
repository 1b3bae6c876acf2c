"""Every path on three data sets: the table and the findings of docs/comparison.md.

    python bench/comparison.py [--limit 90] [--quick] [--work FOLDER]
    python bench/comparison.py --times 4     where the answers were made on a busy machine: times anew, on few questions

Own documentation (docs/questions.jsonl over docs/), intents (BANKING77: a message's intent out of ten) and SQuAD's
development rows (three articles loaded as documents). Each gets a home of its own, loaded by `crossroads ingest`, and
`crossroads eval compare` does the rest. Answers are kept in the work folder: started again, it continues. Needs
CROSSROADS_DATA for the last two.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "comparison.md"
DRAW = random.Random(7)  # noqa: S311 - an order, no secret
MARK = "<!-- measured: python bench/comparison.py -->"
LABELS = 10
TITLES = {"docs": "Own documentation", "intents": "Intents", "squad": "SQuAD development rows"}
ABOUT = {
    "docs": "Questions about this project's own manual, a fifth of them without an answer in it. Judged by token F1.",
    "intents": "Messages to a bank (BANKING77); the answer is one of ten intents. Other messages with intents are "
    "the examples of the few-shot path and the documents of the others. Judged by the label the answer names.",
    "squad": "Questions on three articles that are loaded as documents; about half have no answer there. Judged by "
    "token F1, an unanswerable question by whether it is refused.",
}
SHOWN = ("quality", "quality_answerable", "refused", "hallucinated_answers")
Prepared = tuple[Path, Path | None, str]
"""Samples, documents to load (None: the documentation, which a new home loads by itself), scorer."""


def rows_of(name: str) -> list[dict[str, Any]]:
    path = Path(os.environ["CROSSROADS_DATA"]) / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_samples(path: Path, samples: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples), encoding="utf-8")
    return path


def own_documentation(work: Path, limit: int) -> Prepared:
    lines = (ROOT / "docs" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    DRAW.shuffle(samples)
    return write_samples(work / "docs.jsonl", samples[:limit]), None, "f1"


def intents(work: Path, limit: int) -> Prepared:
    rows = [row for row in rows_of("intents") if row["dataset"] == "banking77"]
    labels = [label for label, _ in Counter(row["label"] for row in rows).most_common(LABELS)]
    rows = [row for row in rows if row["label"] in labels]
    DRAW.shuffle(rows)
    asked, known = rows[:limit], rows[limit : limit + 40 * LABELS]
    names = ", ".join(sorted(label.replace("_", " ") for label in labels))
    question = "Which intent has the message “{text}”? Answer with one of: " + names + "."
    folder = work / "intents"
    folder.mkdir(parents=True, exist_ok=True)
    for label in labels:
        said = [row["text"] for row in known if row["label"] == label]
        title = label.replace("_", " ")
        text = "".join(f"- The message “{message}” has the intent: {title}.\n" for message in said)
        (folder / f"{label}.md").write_text(f"# {title}\n\n{text}", encoding="utf-8")
    samples = [
        {
            "id": row["id"],
            "input": question.format(text=row["text"]),
            "target": row["label"].replace("_", " "),
            "metadata": {"answerable": True, "evidence": f"The message has the intent: {row['label']}"},
        }
        for row in asked
    ]
    examples = [
        {"task": task, "input": question.format(text=row["text"]), "output": row["label"].replace("_", " ")}
        for row in known
        for task in ("answer", "classify")
    ]
    write_samples(work / "intents-examples.jsonl", examples)
    return write_samples(work / "intents.jsonl", samples), folder, "classification"


def squad(work: Path, limit: int) -> Prepared:
    rows = rows_of("squad_dev")
    folder = work / "squad"
    folder.mkdir(parents=True, exist_ok=True)
    for title in {row["title"] for row in rows}:
        texts = dict.fromkeys(row["context"] for row in rows if row["title"] == title)
        (folder / f"{title}.md").write_text(f"# {title}\n\n" + "\n\n".join(texts), encoding="utf-8")
    DRAW.shuffle(rows)
    samples = [
        {
            "id": row["id"],
            "input": row["question"],
            "target": row["answers"] or "",
            "metadata": {
                "answerable": not row["is_impossible"],
                "evidence": "" if row["is_impossible"] else row["context"],
                "title": row["title"],
                "group": row["context"][:80],
            },
        }
        for row in rows[:limit]
    ]
    return write_samples(work / "squad.jsonl", samples), folder, "f1"


SETS: dict[str, Callable[[Path, int], Prepared]] = {"docs": own_documentation, "intents": intents, "squad": squad}


def crossroads(*arguments: str) -> dict[str, Any]:
    line = [sys.executable, "-m", "assistant", *arguments, "--json"]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise SystemExit(f"{' '.join(arguments)}: {found['error']['message']} {found['error']['cure']}")
    return found


def measure(name: str, work: Path, limit: int) -> dict[str, Any]:
    DRAW.seed(f"{name} 7")
    samples, documents, scorer = SETS[name](work, limit)
    home = ["--home", str(work / f"home-{name}")]
    if documents is not None:
        crossroads("ingest", str(documents), *home)
    if (examples := work / f"{name}-examples.jsonl").is_file():
        crossroads("examples", "import", str(examples), *home)
    out = str(work / f"out-{name}")
    return crossroads("eval", "compare", str(samples), "--scorer", scorer, "--out", out, *home)


def time_paths(name: str, work: Path, questions: int) -> None:
    """Answer a few of the questions again, nothing else running; their times then stand in the table."""
    samples, home, out = work / f"{name}.jsonl", work / f"home-{name}", work / f"times-{name}"
    shutil.rmtree(out, ignore_errors=True)
    how = ["--scorer", "classification" if name == "intents" else "f1", "--limit", str(questions)]
    crossroads("eval", "compare", str(samples), *how, "--out", str(out), "--home", str(home))


def with_times(name: str, found: dict[str, Any], work: Path) -> dict[str, Any]:
    """The comparison with the times of `time_paths`, where there are any."""
    file = work / f"times-{name}" / "comparison.json"
    if not file.is_file():
        return found
    timed = json.loads(file.read_text(encoding="utf-8"))
    rows = {row["path"]: row for row in timed["rows"]}
    for row in found["rows"]:
        if row["path"] in rows:
            row |= {key: rows[row["path"]][key] for key in ("latency_ms", "monthly")}
    return found | {"timed": timed["n"]}


def table(found: dict[str, Any]) -> str:
    lines = [
        "| path | quality | answerable | refused rightly | unsupported answers | p50 | p95 | machine hours for 1,000 "
        "requests | for 1,000,000 | US dollars each |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        metrics, times = row["metrics"], row["latency_ms"]
        cells = [
            between(metrics.get(name)) for name in ("quality", "quality_answerable", "refused", "hallucinated_answers")
        ]
        cells += [f"{times['p50'] / 1000:.2f} s", f"{times['p95'] / 1000:.2f} s"]
        cells += [f"{row['monthly'][count]['machine_hours']:,.1f}" for count in ("1000", "1000000")]
        lines.append(f"| `{row['path']}` | {' | '.join(cells)} | {row['cost_usd']:.4f} |")
    lines += [f"| `{path}` | not measured: {why} |{' |' * 8}" for path, why in found["missing"].items()]
    return "\n".join(lines)


def between(figure: dict[str, Any] | None) -> str:
    return "–" if figure is None else f"{figure['value']:.2f} ({figure['low']:.2f}–{figure['high']:.2f})"


def facts(found: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| `{row['path']}` | {row['data_needed']} | {row['privacy']} | {row['freshness']} |" for row in found["rows"]
    )
    return f"| path | data needed | privacy | freshness |\n|---|---|---|---|\n{rows}"


def section(name: str, found: dict[str, Any]) -> str:
    why = "\n".join(f"- {reason}" for reason in found["why"])
    changes = "\n".join(f"- {change}" for change in found["changes"] if "was not measured" not in change)
    timed = (
        f" Times are of {found['timed']} of them, asked again with nothing else running." if "timed" in found else ""
    )
    return (
        f"## {TITLES[name]}\n\n{ABOUT[name]} {found['n']} questions.{timed}\n\n"
        f"{table(found)}\n\nRecommended: `{found['recommendation']}`.\n\n{why}\n\n"
        f"What would change this:\n\n{changes}\n"
    )


def write(results: dict[str, dict[str, Any]], out: Path) -> None:
    """Put the measured part below its mark; what people wrote above it stays."""
    before = out.read_text(encoding="utf-8").split(MARK)[0] if out.is_file() else "# The paths compared\n\n"
    parts = [section(name, found) for name, found in results.items()]
    last = next(iter(results.values()))
    parts.append(f"## What each path needs\n\n{facts(last)}\n")
    out.write_text(f"{before.rstrip()}\n\n{MARK}\n\n" + "\n".join(parts), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=90, help="questions of each set")
    parser.add_argument("--quick", action="store_true", help="three questions each; the page is not written")
    parser.add_argument("--sets", default=",".join(SETS), help="which of them, separated by commas")
    parser.add_argument("--times", type=int, default=0, help="time the paths again on so many questions of each set")
    parser.add_argument("--work", type=Path, help="where samples, homes and answers are kept")
    options = parser.parse_args()
    work = options.work or Path(tempfile.gettempdir()) / "crossroads-comparison"
    names = options.sets.split(",")
    for name in names if options.times else ():
        time_paths(name, work, options.times)
    results = {name: measure(name, work, 3 if options.quick else options.limit) for name in names}
    results = {name: with_times(name, found, work) for name, found in results.items()}
    for name, found in results.items():
        print(section(name, found))
    if not options.quick and set(results) == set(SETS):
        write(results, OUT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
