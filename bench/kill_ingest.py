"""Kill -9 an ingest of `kb_docs` and `kb_peps` at random moments: is every acknowledged document whole and there once?

    python bench/kill_ingest.py --kills 3 --documents 60 --longest 4 --embedding fake:words    a dry run
    python bench/kill_ingest.py                                                             100 kills, every document

Each round starts `crossroads ingest` on the folder, writes down which documents it says are done, and kills it; every
`--server`th kill takes the embedded Weaviate and its keeper with it. Then a new process opens the home and, without
mending by hand, looks for what was acknowledged since the kill before and for 20 documents from earlier; after every
tenth kill, the last one, and before it starts from nothing again, for every acknowledged document: listed once, its
chunks in the store exactly as many as the catalogue says, its text resolving at the chunks' offsets, and (20 of them)
found by a search narrowed to it and, by a vector of its own, by the search for vectors. Exit 1 where one is missing,
doubled or torn. After the last kill the ingest runs to its end, if `--finish` is given.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kb_docs import rows, write  # noqa: E402


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)  # noqa: S311 - the moments of the kills can be repeated
    losses: list[str] = []
    total = passes = servers = too_late = 0
    acknowledged: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="crossroads-kill-ingest-") as made:
        folder, home = Path(made) / "docs", Path(made) / "home"
        count = corpus(folder, options.documents)
        for number in range(options.kills):
            said, ended = killed(home, folder, chance.uniform(0.2, options.longest), options)
            too_late += ended
            servers += bool(options.server) and number % options.server == 0 and kill_server(home)
            fresh, acknowledged = said - acknowledged, acknowledged | said
            complete = ended or len(acknowledged) == count
            full = number % 10 == 9 or number == options.kills - 1 or complete
            earlier = chance.sample(sorted(acknowledged - fresh), min(20, len(acknowledged - fresh)))
            losses += look(home, acknowledged if full else fresh | set(earlier), options)
            print(
                f"{number + 1}: {len(acknowledged)} of {count} acknowledged, lost {losses}", file=sys.stderr, flush=True
            )
            total += len(fresh)
            if complete:  # everything is in: begin again, so that kills hit an ingest at work
                passes += 1
                forget(home, options)
                acknowledged.clear()
        if options.finish:
            subprocess.run(command(home, folder, options), check=False, capture_output=True)
            losses += look(home, acknowledged, options)
    report = {"kills": options.kills - too_late, "too_late": too_late, "servers_killed": servers, "documents": count}
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
    return [sys.executable, "-m", "assistant", "ingest", str(folder), "--home", str(home), *overrides(options)]


def killed(home: Path, folder: Path, seconds: float, options: argparse.Namespace) -> tuple[set[str], bool]:
    """Run the ingest until it is killed, some seconds after its first step; what it said is done, and whether it ended
    before the kill. Exits where the ingest fails by itself, for then there is nothing to kill.
    """
    done: set[str] = set()
    heard: list[str] = []
    deadline = 0.0
    with subprocess.Popen(command(home, folder, options), stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            heard.append(line)
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[0].startswith("["):
                deadline = deadline or time.monotonic() + seconds
                if parts[1] in ("done", "unchanged"):
                    done.add(parts[2].rpartition(": ")[0] if parts[1] == "done" else parts[2].strip())
            if deadline and time.monotonic() > deadline:
                process.kill()
                break
        process.wait()
    if process.returncode > 0 and not deadline:
        raise SystemExit(f"The ingest failed by itself: {''.join(heard[-20:])}")
    return done, process.returncode >= 0


def kill_server(home: Path) -> bool:
    """Kill -9 the home's embedded Weaviate and the keeper that would end it in good order. Says whether one ran."""
    try:
        record = json.loads((home / "run" / "weaviate.json").read_text(encoding="utf-8"))
        os.kill(record["keeper"], signal.SIGKILL)
        os.kill(record["pid"], signal.SIGKILL)
    except (OSError, ValueError, KeyError):
        return False
    return True


LOOK = """
import json, sys, time
from assistant.cli.common import settings_for
from assistant.knowledge.base import open_knowledge
from assistant.knowledge.filters import Filters
from assistant.knowledge.stores.hybrid import NOTHING
from assistant.providers import embeddings
from pathlib import Path

home, overrides, wanted = json.loads(sys.stdin.read())
settings = settings_for(Path(home), overrides)
lost = []
with open_knowledge(settings, embeddings(settings.models.embedding, settings)) as knowledge:
    listed = {}
    for info in knowledge.documents():
        listed.setdefault(info.source, []).append(info)
    for source in wanted:
        found = listed.get(source, [])
        if len(found) != 1:
            lost.append(f"{source}: listed {len(found)} times")
            continue
        [info] = found
        ids = knowledge.store.chunk_ids(info.collection, info.document_id)
        text = knowledge.document(info.document_id).text
        held = knowledge.store.get(info.collection, sorted(ids))
        torn = [name for name, (chunk, _) in held.items() if text[chunk.start : chunk.end] != chunk.text]
        if len(ids) != info.chunks or len(held) != info.chunks or torn:
            lost.append(f"{source}: {len(ids)} of {info.chunks} chunks, {len(torn)} torn")
    for source in wanted[:: max(1, len(wanted) // 20)]:
        info = (listed.get(source) or [None])[0]
        if info and not knowledge.search(info.title or source, k=1, filters=Filters(document=info.document_id)):
            lost.append(f"{source}: not found by a search")
        ids = info and sorted(knowledge.store.chunk_ids(info.collection, info.document_id))
        for _, vector in knowledge.store.get(info.collection, ids[:1]).values() if ids else []:
            if max(knowledge.store.near(info.collection, vector, 1, NOTHING).values(), default=0) < 0.999:
                lost.append(f"{source}: not found by its own vector")
print(json.dumps(lost))
"""


def look(home: Path, acknowledged: set[str], options: argparse.Namespace) -> list[str]:
    """What a new process does not find as it was acknowledged."""
    pairs = [pair for pair in overrides(options) if pair != "--set"]
    asked = json.dumps([str(home), pairs, sorted(acknowledged)])
    ran = subprocess.run(
        [sys.executable, "-c", LOOK], input=asked, capture_output=True, text=True, cwd=ROOT, check=False
    )
    if ran.returncode:
        return [f"the home did not open again: {ran.stderr[-800:]}"]
    found: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return found


def forget(home: Path, options: argparse.Namespace) -> None:
    """Delete every document, so that the next ingest starts from nothing."""
    base: list[Any] = [sys.executable, "-m", "assistant", "knowledge", "delete", "--collection", "documents"]
    subprocess.run([*base, "--home", str(home), *overrides(options)], cwd=ROOT, check=False, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())
