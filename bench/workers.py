"""Two services on one Postgres and one Weaviate, behind a proxy; one of them is killed while people ask.

    python bench/workers.py --database postgresql://USER:PASSWORD@HOST/DATABASE --store http://HOST:8080 --store-key KEY

Every request goes to the next service in turn, so a conversation moves between them with each question. Exit code 0
where every answer that was acknowledged can be read from the service that was left, and conversations went on there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

KEY = "the-key-of-both"
QUESTIONS = ("When should I fine-tune rather than retrieve?", "What does retrieval need?", "And what does it cost?")


def main() -> int:
    """Run it; print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--store-key", default="")
    parser.add_argument("--grpc-port", type=int, default=50051)
    parser.add_argument("--conversations", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossroads-workers-") as folder:
        services = [_serve(Path(folder) / name, options) for name in ("one", "two")]
        try:
            with _proxy([url for _, url in services]) as address:
                report = _try(address, services, options.conversations)
        finally:
            for process, _ in services:
                process.terminate()
                process.wait(30)
    print(json.dumps(report, indent=1))
    return 1 if report["lost"] or report["failed_after_the_kill"] else 0


def _serve(home: Path, options: argparse.Namespace) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--json", "--home", str(home)]
    settings = {
        "models.chat": "fake:reader",
        "database.url": options.database,
        "store.kind": "weaviate",
        "store.url": options.store,
        "store.grpc_port": options.grpc_port,
        "store.api_key": options.store_key,
        "serve.api_key": KEY,
        "logs.to": "stderr",
    }
    command += [part for key, value in settings.items() if value != "" for part in ("--set", f"{key}={value}")]
    log = home.with_suffix(".log").open("w")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a service did not start: {home.with_suffix('.log').read_text()[-2000:]}")
    return process, json.loads(line)["url"]


@contextlib.contextmanager
def _proxy(urls: list[str]) -> Iterator[str]:
    """A proxy on loopback that hands each connection to the next service in turn, and past one that is gone."""
    ports = [int(url.rpartition(":")[2]) for url in urls]
    turn = itertools.cycle(range(len(ports)))
    ready, loop = threading.Event(), asyncio.new_event_loop()
    bound: list[int] = []

    async def reach() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        first = next(turn)
        for place in range(len(ports)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", ports[(first + place) % len(ports)])
        raise ConnectionError("no service is left")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await reach()
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def start() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        bound.append(server.sockets[0].getsockname()[1])
        ready.set()

    loop.create_task(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ready.wait()
    yield f"http://127.0.0.1:{bound[0]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def _try(address: str, services: list[tuple[subprocess.Popen[str], str]], conversations: int) -> dict[str, Any]:
    """Ask two questions in each conversation, kill a service, ask the third, and read everything again."""
    told: dict[str, dict[str, str]] = {}
    for _ in range(conversations):
        thread_id = ""
        for question in QUESTIONS[:2]:
            answer = _ask(address, question, thread_id)
            thread_id = answer["thread_id"]
            told.setdefault(thread_id, {})[answer["answer_id"]] = answer["text"]
    services[0][0].kill()
    services[0][0].wait()
    failed = 0
    for thread_id in list(told):
        try:
            answer = _ask(address, QUESTIONS[2], thread_id)
        except httpx.HTTPError as error:
            print(f"{thread_id}: {error}", file=sys.stderr)
            failed += 1
            continue
        told[thread_id][answer["answer_id"]] = answer["text"]
    return {
        "conversations": conversations,
        "answers_acknowledged": sum(len(texts) for texts in told.values()),
        "failed_after_the_kill": failed,
        "lost": _lost(services[1][1], told),
    }


def _ask(address: str, question: str, thread_id: str) -> dict[str, Any]:
    body = {"question": question, "thread_id": thread_id}
    reply = httpx.post(f"{address}/api/v1/ask", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    reply.raise_for_status()
    answer: dict[str, Any] = reply.json()
    return answer


def _lost(url: str, told: dict[str, dict[str, str]]) -> list[str]:
    lost = []
    for thread_id, texts in told.items():
        reply = httpx.get(f"{url}/api/v1/threads/{thread_id}", headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
        turns = reply.json()["turns"]
        there = {turn["answer"]["answer_id"]: turn["answer"]["text"] for turn in turns if turn["answer"]}
        lost += [answer_id for answer_id, text in texts.items() if there.get(answer_id) != text]
    return lost


if __name__ == "__main__":
    sys.exit(main())
