"""Kill -9 an ingest of `kb_docs` and `kb_peps` at random moments: is every acknowledged document whole and there once?

    python bench/kill_ingest.py --kills 3 --documents 60 --longest 4 --embedding fake:words    a dry run
    python bench/kill_ingest.py                                                             100 kills, every document

Each round starts `crossroads ingest` on the folder, writes down which documents it says are done, and kills it; every
`--server`th kill takes the embedded Weaviate and its keeper with it. Then a new process opens the home and, without
mending by hand, looks for what was acknowledged since the kill before and for 20 documents from earlier; after every
tenth kill, the last one, and before it starts from nothing again, for every acknowledged document: listed once, its
chunks in the store exactly as many as the catalogue says, its text resolving at their offsets, the last three found by
their own vectors, and (20 documents) the document found by a search narrowed to it. Exit 1 where one is missing,
doubled or torn. After the last kill the ingest runs to its end, if `--finish` is given.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kb_docs import rows, write  # noqa: E402

PROCESSES = multiprocessing.get_context("forkserver")
_READY = ["assistant.app", "assistant.cli.main", "assistant.operations", "assistant.knowledge.base", "weaviate"]
_READY += ["assistant.knowledge.stores.weaviate", "assistant.providers", "datasketch", "weaviate.classes.query"]


def main() -> int:
    options = _options()
    os.environ["PYTHONPATH"] = str(ROOT)
    PROCESSES.set_forkserver_preload(_READY)
    chance = random.Random(options.seed)  # noqa: S311 - the moments of the kills can be repeated
    losses: list[str] = []
    number = total = passes = servers = too_late = 0
    acknowledged: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="crossroads-kill-ingest-") as made:
        folder, home = Path(made) / "docs", Path(made) / "home"
        count = corpus(folder, options.documents)
        while number - too_late < options.kills:
            said, ended = killed(home, folder, chance.uniform(0.2, options.longest), options)
            too_late += ended
            servers += bool(options.server) and number % options.server == 0 and kill_server(home)
            fresh, acknowledged = said - acknowledged, acknowledged | said
            complete = ended or len(acknowledged) == count
            number += 1
            full = number % 10 == 0 or number - too_late == options.kills or complete
            earlier = chance.sample(sorted(acknowledged - fresh), min(20, len(acknowledged - fresh)))
            losses += look(home, acknowledged if full else fresh | set(earlier), options)
            print(f"{number}: {len(acknowledged)} of {count} acknowledged, lost {losses}", file=sys.stderr, flush=True)
            total += len(fresh)
            if complete:  # everything is in: begin again, so that kills hit an ingest at work
                passes += 1
                forget(home, options)
                acknowledged.clear()
        if options.finish:
            begin(crossroads, home.parent / "finished.txt", command(home, folder, options)).join()
            losses += look(home, acknowledged, options)
    report = {"kills": number - too_late, "too_late": too_late, "servers_killed": servers, "documents": count}
    report |= {"acknowledged": total, "begun_again": passes}
    print(json.dumps({**report, "losses": losses}, indent=1))
    return 1 if losses else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--documents", type=int, default=0, help="at most; 0 is all of them")
    parser.add_argument("--longest", type=float, default=15.0, help="seconds until a kill, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", default="weaviate", choices=["weaviate", "chroma", "faiss"])
    parser.add_argument("--embedding", default="", help="provider:model; fake:words is fast")
    parser.add_argument(
        "--server", type=int, default=3, metavar="N", help="every Nth kill ends the server too; 0: none"
    )
    parser.add_argument("--finish", action="store_true")
    return parser.parse_args()


def corpus(folder: Path, most: int) -> int:
    """Both sets as files; how many."""
    paths = write(folder / "kb_docs", rows(most // 2 if most else 0))
    data = Path(os.environ.get("CROSSROADS_DATA") or ROOT.parent / "shared" / "data") / "kb_peps.jsonl.gz"
    (folder / "kb_peps").mkdir(parents=True, exist_ok=True)
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        peps = [json.loads(line) for line in lines]
    for row in peps[: most - most // 2 if most else None]:
        path = folder / "kb_peps" / f"{row['id']}.txt"
        path.write_text(row["text"], encoding="utf-8")
        paths.append(path)
    return len(paths)


def overrides(options: argparse.Namespace) -> list[str]:
    """What every process of this bench is told."""
    pairs = [f"store.kind={options.store}", "store.linger=20"]
    pairs += [f"models.embedding={options.embedding}"] if options.embedding else []
    return [part for pair in pairs for part in ("--set", pair)]


def command(home: Path, folder: Path, options: argparse.Namespace) -> list[str]:
    """The ingest."""
    return ["ingest", str(folder), "--home", str(home), *overrides(options)]


def begin(target: Callable[..., None], said: Path, *given: Any) -> Any:
    """A new process, forked from one that has imported everything, which would take most of the time of a round."""
    said.unlink(missing_ok=True)
    process = PROCESSES.Process(target=_begun, args=(target, str(said), *given))
    process.start()
    return process


def _begun(target: Callable[..., None], said: str, *given: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    target(*given)


def crossroads(arguments: list[str]) -> None:
    """The command, as it is."""
    from assistant.__main__ import main

    sys.argv = ["crossroads", *arguments]
    main()


def killed(home: Path, folder: Path, seconds: float, options: argparse.Namespace) -> tuple[set[str], bool]:
    """Run the ingest until it is killed, some seconds after its first step; what it said is done, and whether it ended
    before the kill. Exits where the ingest fails by itself, for then there is nothing to kill.
    """
    said = home.parent / "said.txt"
    process, deadline = begin(crossroads, said, command(home, folder, options)), 0.0
    while process.is_alive() and (not deadline or time.monotonic() < deadline):
        if not deadline and any(line.startswith("[") for line in _lines(said)):
            deadline = time.monotonic() + seconds
        time.sleep(0.01)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL and not deadline:
        raise SystemExit(f"The ingest failed by itself: {said.read_text()[-2000:]}")
    parts = [line.split(maxsplit=2) for line in _lines(said) if line.startswith("[")]
    done = {rest.rpartition(": ")[0] for _, state, rest in parts if state == "done"}
    return done | {rest for _, state, rest in parts if state == "unchanged"}, process.exitcode != -signal.SIGKILL


def _lines(said: Path) -> list[str]:
    """What was said in whole lines."""
    return said.read_text(encoding="utf-8").split("\n")[:-1] if said.is_file() else []


def kill_server(home: Path) -> bool:
    """Kill -9 the home's embedded Weaviate and the keeper that would end it in good order. Says whether one ran."""
    try:
        record = json.loads((home / "run" / "weaviate.json").read_text(encoding="utf-8"))
        os.kill(record["keeper"], signal.SIGKILL)
        os.kill(record["pid"], signal.SIGKILL)
    except (OSError, ValueError, KeyError):
        return False
    return True


def look_in(home: str, pairs: list[str], wanted: list[str], answer: str) -> None:
    """Open the home and write into the file `answer` what is not there as it was acknowledged."""
    from assistant.cli.common import settings_for
    from assistant.knowledge.base import open_knowledge
    from assistant.knowledge.filters import Filters
    from assistant.providers import embeddings

    settings, lost, listed = settings_for(Path(home), pairs), list[str](), dict[str, list[Any]]()
    with open_knowledge(settings, embeddings(settings.models.embedding, settings)) as knowledge:
        for info in knowledge.documents():
            listed.setdefault(info.source, []).append(info)
        for source in wanted:
            found = listed.get(source, [])
            lost += _faults(knowledge, found[0]) if len(found) == 1 else [f"{source}: listed {len(found)} times"]
        for source in wanted[:: max(1, len(wanted) // 20)]:
            for info in listed.get(source, [])[:1]:
                where = Filters(document=info.document_id)
                if not knowledge.search(info.title or source, k=1, filters=where):
                    lost.append(f"{source}: not found by a search")
    Path(answer).write_text(json.dumps(lost), encoding="utf-8")


def _faults(knowledge: Any, info: Any) -> list[str]:
    """What is wrong with a document's chunks: too few or too many, torn, or not found by their own vectors."""
    from assistant.knowledge.stores.hybrid import NOTHING

    ids = knowledge.store.chunk_ids(info.collection, info.document_id)
    text = knowledge.document(info.document_id).text
    held = knowledge.store.get(info.collection, sorted(ids))
    torn = [name for name, (chunk, _) in held.items() if text[chunk.start : chunk.end] != chunk.text]
    if len(ids) != info.chunks or len(held) != info.chunks or torn:
        return [f"{info.source}: {len(ids)} of {info.chunks} chunks, {len(torn)} torn"]
    vectors = [vector for _, vector in list(held.values())[-3:]]
    near = [max(knowledge.store.near(info.collection, one, 1, NOTHING).values(), default=0) for one in vectors]
    return [f"{info.source}: not found by its own vector"] if min(near, default=1) < 0.999 else []


def look(home: Path, acknowledged: set[str], options: argparse.Namespace) -> list[str]:
    """What a new process does not find as it was acknowledged."""
    pairs = [pair for pair in overrides(options) if pair != "--set"]
    said, answer = home.parent / "looked.txt", home.parent / "found.json"
    process = begin(look_in, said, str(home), pairs, sorted(acknowledged), str(answer))
    process.join()
    if process.exitcode:
        return [f"the home did not open again: {said.read_text()[-800:]}"]
    found: list[str] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def forget(home: Path, options: argparse.Namespace) -> None:
    """Delete every document, so that the next ingest starts from nothing."""
    arguments = ["knowledge", "delete", "--collection", "documents", "--home", str(home), *overrides(options)]
    begin(crossroads, home.parent / "forgot.txt", arguments).join()


if __name__ == "__main__":
    raise SystemExit(main())
