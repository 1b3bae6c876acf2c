"""`crossroads ask --batch`: answers to a file of samples, one a line; continues where it stopped."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli.common import Run
from assistant.cli.output import put_json, quiet, say
from graphs.errors import BusyError, CrossroadsError, StorageError

if TYPE_CHECKING:
    from eval.sample import Sample


def answer_all(run: Run, batch: Path, out: Path, asked: dict[str, Any], as_json: bool) -> int:
    """Answer every sample that has no answer in `out` yet; 1 where any failed. Failed ones are tried again."""
    from eval.sample import read_samples

    samples = read_samples(batch)
    done = keep_answers(out)
    waiting = [sample for sample in samples if sample.id not in done]
    if len(waiting) < len(samples):
        say(f"{len(samples) - len(waiting)} of {len(samples)} are answered already")
    started, failed = time.monotonic(), 0
    with appending(out) as file:
        for number, sample in enumerate(waiting, start=1):
            row = _answer(run, sample, asked)
            failed += "error" in row
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            what = row["error"]["message"] if "error" in row else row["route"]["path"]
            say(f"{number}/{len(waiting)} {sample.id}: {what}")
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        skipped = len(samples) - len(waiting)
        put_json({"answered": len(waiting) - failed, "failed": failed, "skipped": skipped, "seconds": seconds})
    else:
        say(f"{len(waiting) - failed} answered, {failed} failed, in {seconds:.1f} s: {out}")
    return 1 if failed else 0


def keep_answers(out: Path) -> set[str]:
    """Leave in `out` what was answered, without failed rows and a half-written line. The ids of what stays."""
    if not out.exists():
        return set()
    kept: dict[str, str] = {}
    try:
        lines = out.read_text(encoding="utf-8").split("\n")
        for line in lines:
            row = _row(line)
            if row and "error" not in row and "id" in row:
                kept[str(row["id"])] = line
        temporary = out.with_name(out.name + ".new")
        temporary.write_text("".join(line + "\n" for line in kept.values()), encoding="utf-8")
        os.replace(temporary, out)
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{str(out)!r} cannot be used: {error}.", "Name another file with --out.") from None
    return set(kept)


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _answer(run: Run, sample: Sample, asked: dict[str, Any]) -> dict[str, Any]:
    """The row for a sample. Raises `BusyError` where the service is gone: the other rows would fail alike."""
    arguments = {**asked, "question": sample.input, "contexts": sample.contexts, "history": []}
    try:
        result = run("ask", arguments, quiet)
    except BusyError:
        raise
    except CrossroadsError as error:
        return {"id": sample.id, **error.as_json()}
    return {"id": sample.id, **result["answer"], "store": result["store"]}


def appending(out: Path) -> Any:
    """`out`, open for more lines. Raises `StorageError`."""
    try:
        return out.open("a", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{str(out)!r} cannot be written: {error.strerror}.", "Name another file with --out."
        ) from None
