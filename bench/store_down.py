"""A store that goes down while the assistant runs: how long until an answer without it, and until it is used again?

    python bench/store_down.py            a Weaviate by URL, stopped and started again, and one that hangs

The assistant answers with a fake model, so that what is timed is not the model. `disclosed` is the time of a whole
turn on the path `rag` while the store is down; it must say so and take 1 s at most. `recovered` is the time from the
store's return until a turn cites documents again, 10 s at most. Exit 1 where one of them is not so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
QUESTION = "How long is the warranty of the blue kettle?"


def main() -> int:
    from assistant.app import open_assistant
    from assistant.config import load_settings
    from assistant.knowledge import weaviate_server

    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as made:
        served = load_settings({"home": f"{made}/server", "store.kind": "weaviate", "store.linger": 600})
        lease = weaviate_server.lease(served)
        server = lease.server()
        settings = load_settings({
            "home": f"{made}/home", "store.url": server.url, "store.grpc_port": server.grpc_port,
            "store.api_key": server.key, "models.chat": "fake:reader", "models.embedding": "fake:words",
        })  # fmt: skip
        note = Path(made) / "kettle.md"
        note.write_text("# Kettle\n\nThe warranty of the blue kettle lasts five years.\n", encoding="utf-8")
        with open_assistant(settings) as assistant:
            assistant.knowledge.ingest([str(note)])
            report["before"] = turn(assistant)
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(0.3)  # as long as a store that answered is trusted without being asked
            report["hanging"] = [turn(assistant) for _ in range(3)]
            os.kill(server.pid, signal.SIGCONT)
            report["recovered_from_hanging"] = until_back(assistant)
        lease.close()
        weaviate_server.stop(served)
    slow = [one["seconds"] for one in report["hanging"] if one["seconds"] > 1 or not one["disclosed"]]
    print(json.dumps(report, indent=1))
    return 1 if slow or report["recovered_from_hanging"] > 10 else 0


def turn(assistant: Any) -> dict[str, Any]:
    """One question: its time, whether it said that documents cannot be searched, and its sources."""
    from assistant.records import Request
    from graphs.errors import UsageError

    began = time.perf_counter()
    try:
        answer = assistant.ask(Request(question=QUESTION, path="rag"))
        said, citations = answer.notices, len(answer.citations)
    except UsageError as error:  # the path asked for cannot be taken, and the cure says why
        said, citations = [str(error)], 0
    told = any("cannot be searched" in text for text in said)
    return {"seconds": round(time.perf_counter() - began, 3), "disclosed": told, "citations": citations}


def until_back(assistant: Any) -> float:
    """Seconds until a turn is answered with documents again."""
    began = time.perf_counter()
    while time.perf_counter() - began < 60:
        found = turn(assistant)
        if not found["disclosed"]:
            break
        time.sleep(0.2)
    return round(time.perf_counter() - began, 2)


if __name__ == "__main__":
    raise SystemExit(main())
