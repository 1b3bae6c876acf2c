"""`crossroads check`: is this text supported by this evidence?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import Home, Json, Run, Set, session
from assistant.cli.output import put, put_json, quiet, say
from graphs.errors import BusyError, CrossroadsError, UsageError


def check(
    text: Annotated[str, typer.Argument(help="A text, a file, or - for standard input.", show_default=False)] = "",
    against: Annotated[
        list[Path] | None, typer.Option(help="A file or folder of evidence.", show_default=False)
    ] = None,
    collection: Annotated[str, typer.Option(help="Look the evidence up in this collection.", show_default=False)] = "",
    batch: Annotated[Path | None, typer.Option(help="A JSON Lines file of texts to check.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="Where the results of --batch go.", show_default=False)] = None,
    home: Home = None,
    set_: Set = None,
    as_json: Json = False,
) -> int:
    """Check whether a text is supported by evidence, sentence by sentence. Exit code 1 where it is not.

    Example: crossroads check summary.txt --against report.pdf
    """
    if batch is not None or out is not None:
        if batch is None or out is None or text:
            raise UsageError("--batch FILE and --out FILE go together, without a text.", "Give both, or a text.")
        with session(home, set_) as run:
            return _check_all(run, batch, out, as_json)
    if against and collection:
        raise UsageError("--against and --collection are two kinds of evidence.", "Give one of them.")
    asked: dict[str, Any] = {"output": read_text(text), "collection": collection}
    if against:
        asked["contexts"] = list(read_evidence(against))  # before anything is loaded
    with session(home, set_) as run:
        found = run("check", asked, quiet)
    if as_json:
        put_json(found)
    else:
        show(found)
    return 0 if found["label"] == "supported" else 1


def read_text(text: str) -> str:
    """What to check: standard input for -, a document where there is a file of that name, else the words themselves."""
    if text == "-":
        return typer.get_text_stream("stdin").read()
    path = Path(text).expanduser()
    try:
        is_file = bool(text) and path.is_file()
    except OSError:  # a text too long to be a name
        is_file = False
    return _document(path) if is_file else text


def read_evidence(paths: list[Path]) -> Iterator[str]:
    """The texts of files, and of the readable files in folders. Raises `UsageError` and `DocumentError`."""
    from assistant.knowledge.loaders import READABLE

    for given in paths:
        path = given.expanduser()
        if not path.exists():
            raise UsageError(f"{str(path)!r} does not exist.", "Name a file or a folder.")
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in READABLE) if path.is_dir() else [path]
        for file in files:
            yield _document(file)


def _document(path: Path) -> str:
    from assistant.knowledge.loaders import load

    try:
        return load(path.read_bytes(), str(path)).text
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}.", "Name another file.") from None


def show(found: dict[str, Any]) -> None:
    """Print the verdict, and each sentence with its score."""
    put(f"{found['label']} ({found['score']:.2f})")
    for sentence in found["sentences"]:
        mark = "ok  " if sentence["supported"] else "no  "
        put(f"{mark}{sentence['score']:.2f}  {' '.join(sentence['text'].split())}")
    say(f"{len(found['evidence'])} pieces of evidence")


def _check_all(run: Run, batch: Path, out: Path, as_json: bool) -> int:
    """Check every row that has no result in `out` yet; 1 where any failed."""
    from assistant.cli.batch import appending, keep_answers

    rows = list(_rows(batch))
    done = keep_answers(out)
    waiting = [row for row in rows if row["id"] not in done]
    started, failed = time.monotonic(), 0
    with appending(out) as file:
        for number, row in enumerate(waiting, start=1):
            found = _check_one(run, row)
            failed += "error" in found
            file.write(json.dumps(found, ensure_ascii=False) + "\n")
            file.flush()
            if number % 100 == 0 or number == len(waiting):
                say(f"{number} of {len(waiting)} checked")
    seconds = round(time.monotonic() - started, 3)
    result = {"checked": len(waiting) - failed, "failed": failed, "skipped": len(rows) - len(waiting)}
    if as_json:
        put_json({**result, "seconds": seconds})
    else:
        say(f"{result['checked']} checked, {failed} failed, in {seconds:.1f} s: {out}")
    return 1 if failed else 0


def _check_one(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"id": row["id"], **run("check", row, quiet)}
    except BusyError:
        raise  # the service is gone: the other rows would fail alike
    except CrossroadsError as error:
        return {"id": row["id"], **error.as_json()}


def _rows(batch: Path) -> Iterator[dict[str, Any]]:
    from eval.sample import read_rows

    seen: set[str] = set()
    for number, row in read_rows(batch):
        wrong = _wrong(row, seen)
        if wrong:
            cure = "A row has `id`, `output` (the text) and `contexts` (a list of texts)."
            raise UsageError(f"{batch}, line {number}: {wrong}.", cure)
        seen.add(str(row["id"]))
        yield {"id": str(row["id"]), "output": row["output"], "contexts": row["contexts"]}


def _wrong(row: dict[str, Any], seen: set[str]) -> str:
    if "id" not in row:
        return "it has no `id`"
    if str(row["id"]) in seen:
        return f"the id {row['id']!r} was used before"
    if not isinstance(row.get("output"), str):
        return "`output` is no text"
    contexts = row.get("contexts")
    whole = isinstance(contexts, list) and all(isinstance(context, str) for context in contexts)
    return "" if whole else "`contexts` is no list of texts"
