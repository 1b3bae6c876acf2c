"""Cleaning: sources in, train, dev and test files out, with statistics and a sheet of what was removed.

    OUT/train.jsonl, dev.jsonl, test.jsonl     what is kept, split by document
    OUT/removed.csv                            examples of each reason, to look at
    OUT/report.json                            statistics before and after, reasons, changes
    OUT/work/                                  parts; deleted at the end, taken up after an interruption

Two passes. The first reads the sources, mends and filters row by row and writes parts of some thousand rows; the
second removes near duplicates (MinHash, datatrove's four steps, one rank a part) and splits. Memory holds one part's
signatures, 8 bytes of each text, and the evaluation sets' words; nothing else grows with the data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from graphs.errors import UsageError
from training.data import filters
from training.data.contamination import Contamination
from training.data.filters import Duplicates, Filter, Text
from training.data.near import NearDuplicates
from training.data.removed import Removed
from training.data.repair import load_misspellings, mask_personal, normalise, repair_spelling
from training.data.rows import Row, rows_of, text_of
from training.data.statistics import Statistics
from training.registry import write_whole

Report = Callable[[str], None]


@dataclass(frozen=True)
class Cleaning:
    """What is to be done. Empty or False leaves a step out."""

    sources: Sequence[str]
    out: Path
    fields: tuple[str, ...] = ("text",)
    """The columns that hold text; several make a pair, such as prompt and completion."""
    group: str = ""
    """The column whose equal values stay on one side of the split; empty means each row by itself."""
    languages: tuple[str, ...] = ()
    least_words: int = 1
    quality: bool = False
    mask: bool = True
    near: bool = True
    misspellings: Path | None = None
    against: Sequence[Path] = ()
    """Evaluation sets that must not be trained on."""
    dev: float = 0.0
    test: float = 0.0
    seed: int = 13
    part: int = 20_000
    """Rows of a part."""


@dataclass
class _Progress:
    """Where the first pass stands; saved after each part."""

    rows: int = 0
    parts: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    before: Statistics = field(default_factory=Statistics)


def clean(cleaning: Cleaning, report: Report = lambda _: None) -> dict[str, Any]:
    """Clean, split, report. Interrupted, the same call continues with the part it was at.

    Raises `UsageError` naming row and cure where a row is broken, where nothing is left, or where the folder holds
    another cleaning.
    """
    work = cleaning.out / "work"
    _claim(cleaning, work)
    with Removed(cleaning.out / "removed.csv") as removed:
        return _cleaned(cleaning, work, removed, report)


def _cleaned(cleaning: Cleaning, work: Path, removed: Removed, report: Report) -> dict[str, Any]:
    progress = _first_pass(cleaning, work, removed, report)
    if not progress.kept:
        common = ", ".join(f"{name} ({n})" for name, n in progress.reasons.most_common(3)) or "no row was there"
        raise UsageError(f"Nothing is left of {progress.rows} rows: {common}.", "Look at removed.csv; loosen a filter.")
    near = NearDuplicates(work / "near") if cleaning.near else None
    if near:
        report("finding near duplicates")
        near.find([_part(work, number) for number in range(progress.parts)], cleaning.fields)
    after, sizes = _second_pass(cleaning, work, progress, near, removed)
    found = {
        "rows": progress.rows,
        "kept": after.texts,
        "files": sizes,
        "removed": dict(progress.reasons.most_common()),
        "changed": dict(progress.changes),
        "before": progress.before.report(),
        "after": after.report(),
        "against": [path.name for path in cleaning.against],
    }
    write_whole(cleaning.out / "report.json", json.dumps(found, indent=1, ensure_ascii=False))
    shutil.rmtree(work)
    return found


def side_of(key: str, dev: float, test: float, seed: int = 0) -> str:
    """`train`, `dev` or `test`, from the key alone: the same text falls on the same side in every run."""
    digest = hashlib.blake2b(f"{seed}:{key}".encode("utf-8", "replace"), digest_size=8).digest()
    place = int.from_bytes(digest, "little") / 2**64
    return "test" if place < test else "dev" if place < test + dev else "train"


def _claim(cleaning: Cleaning, work: Path) -> None:
    """Take the folder, or take up the same cleaning in it."""
    plan = json.dumps({name: str(value) for name, value in vars(cleaning).items()}, sort_keys=True)
    mark = work / "plan.json"
    if mark.is_file() and mark.read_text(encoding="utf-8") != plan:
        cure = "Repeat that command to finish it, or choose another --out."
        raise UsageError(f"{str(cleaning.out)!r} holds another cleaning, not finished.", cure)
    if not mark.is_file():
        if (cleaning.out / "report.json").exists():
            raise UsageError(f"{str(cleaning.out)!r} holds cleaned data already.", "Choose another --out.")
        work.mkdir(parents=True, exist_ok=True)
        write_whole(mark, plan)


def _first_pass(cleaning: Cleaning, work: Path, removed: Removed, report: Report) -> _Progress:
    progress = _resumed(work)
    parts = [_part(work, number) for number in range(progress.parts)]
    judges = _judges(cleaning, Duplicates(text.text for text in _texts_in(parts, cleaning.fields)))
    misspellings = load_misspellings(cleaning.misspellings) if cleaning.misspellings else {}
    rows = rows_of(cleaning.sources)
    for _ in range(progress.rows):
        next(rows)
    while batch := _take(rows, cleaning.part):
        with _part(work, progress.parts).open("w", encoding="utf-8") as out:
            for row in batch:
                _one(row, cleaning, judges, misspellings, progress, removed, out)
        progress.parts += 1
        _save(work, progress)
        report(f"{progress.rows} rows read, {progress.kept} kept")
    return progress


def _take(rows: Iterator[Row], size: int) -> Iterator[Row] | None:
    """The next rows, or None where there are none."""
    first = next(rows, None)
    if first is None:
        return None

    def some() -> Iterator[Row]:
        yield first
        for _ in range(size - 1):
            row = next(rows, None)
            if row is None:
                return
            yield row

    return some()


def _one(
    row: Row,
    cleaning: Cleaning,
    judges: Sequence[Filter],
    misspellings: dict[str, str],
    progress: _Progress,
    removed: Removed,
    out: IO[str],
) -> None:
    progress.rows += 1
    values = {**row.values, **{name: text_of(row, name) for name in cleaning.fields}}
    text = Text(str(values.get("id", row.where)), values, cleaning.fields, row.where)
    progress.before.add(text.text)
    _mend(text, cleaning.mask, misspellings)
    progress.changes.update(text.changes)
    for judge in judges:
        reason = judge(text)
        if reason:
            progress.reasons[reason.partition(":")[0]] += 1
            removed.add(text, reason)
            return
    progress.kept += 1
    out.write(json.dumps(text.row, ensure_ascii=False) + "\n")


def _mend(text: Text, mask: bool, misspellings: dict[str, str]) -> None:
    for name in text.fields:
        mended = normalise(text.row[name])
        text.changes["normalised"] = text.changes.get("normalised", 0) + (mended != text.row[name])
        if misspellings:
            mended, count = repair_spelling(mended, misspellings)
            text.changes["spelling"] = text.changes.get("spelling", 0) + count
        if mask:
            mended, count = mask_personal(mended)
            text.changes["masked"] = text.changes.get("masked", 0) + count
        text.row[name] = mended


def _judges(cleaning: Cleaning, duplicates: Duplicates) -> list[Filter]:
    found: list[Filter] = [filters.empty, filters.too_short(cleaning.least_words)]
    if cleaning.languages:
        found.append(filters.in_language(cleaning.languages))
    if cleaning.quality:
        found.append(filters.of_quality(max(cleaning.least_words, 5)))
    if cleaning.against:
        found.append(filters.contaminated(Contamination(cleaning.against)))
    return [*found, duplicates]


def _second_pass(
    cleaning: Cleaning, work: Path, progress: _Progress, near: NearDuplicates | None, removed: Removed
) -> tuple[Statistics, dict[str, int]]:
    after, sizes = Statistics(), Counter[str]()
    sides = {"train": 1.0, "dev": cleaning.dev, "test": cleaning.test}
    files = {side: cleaning.out / f"{side}.jsonl" for side, share in sides.items() if share}
    handles = {side: path.with_suffix(".part").open("w", encoding="utf-8") for side, path in files.items()}
    try:
        for number in range(progress.parts):
            gone = near.removed(number) if near else frozenset()
            for place, text in enumerate(_texts_in([_part(work, number)], cleaning.fields)):
                if place in gone:
                    progress.reasons["near duplicate"] += 1
                    removed.add(text, "near duplicate")
                    continue
                key = str(text.row.get(cleaning.group, "")) or text.text
                side = side_of(key, cleaning.dev, cleaning.test, cleaning.seed)
                handles[side].write(json.dumps(text.row, ensure_ascii=False) + "\n")
                after.add(text.text)
                sizes[files[side].name] += 1
    finally:
        for handle in handles.values():
            handle.close()
    for path in files.values():
        path.with_suffix(".part").replace(path)
    return after, dict(sizes)


def _texts_in(parts: Sequence[Path], fields: tuple[str, ...]) -> Iterator[Text]:
    for part in parts:
        with part.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield Text(str(row.get("id", "")), row, fields)


def _part(work: Path, number: int) -> Path:
    return work / f"part-{number:05d}.jsonl"


def _save(work: Path, progress: _Progress) -> None:
    state = {**vars(progress), "before": progress.before.state()}
    write_whole(work / "progress.json", json.dumps(state))


def _resumed(work: Path) -> _Progress:
    try:
        state = json.loads((work / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _Progress()
    counts = {name: Counter(state[name]) for name in ("reasons", "changes")}
    return _Progress(**{**state, **counts, "before": Statistics.of(state["before"])})
