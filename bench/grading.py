"""What a grade takes of an expert's time beside reading: keys pressed, and seconds until the next answer stands there.

    python bench/grading.py --grades 3      a dry run
    python bench/grading.py

A service of its own answers with the fake model; a real browser (Chromium, by Playwright) grades in the Grade tab by
keyboard alone, three criteria and Enter. What is told is the page's and the service's share; reading comes on top.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # before this folder, whose training.py would stand for the package

from assistant.cli.output import quiet  # noqa: E402
from assistant.service import Client, find_service  # noqa: E402

KEYS = ("5", "4", "3", "Enter")
QUESTIONS = ROOT / "docs" / "questions.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grades", type=int, default=25)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="path of the browser")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossroads-grading-") as name:
        home = Path(name) / "home"
        command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--json", "--home", str(home)]
        for setting in ("models.chat=fake:reader", "models.embedding=fake:words", "store.linger=1"):
            command += ["--set", setting]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            _ask(home, options.grades + 1)
            print(json.dumps(_grade(url, options.grades, options.chromium)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    return 0


def _ask(home: Path, count: int) -> None:
    service = find_service(home)
    assert service is not None
    client = Client(service)
    asked = [json.loads(line)["input"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()][:count]
    for question in asked:
        client.run("ask", {"question": question}, quiet)


def _grade(url: str, count: int, chromium: str | None) -> dict[str, Any]:
    """Grade so many answers; seconds from the first key to the next answer."""
    from playwright.sync_api import sync_playwright

    shown = "document.getElementById('grade')?.dataset.answer"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        page.click(".tabs a >> text=Grade")
        page.wait_for_selector("#grade")
        taken, words = [], []
        for _ in range(count):
            now = page.evaluate(shown)
            words.append(len(page.inner_text("#grade").split()))
            began = time.monotonic()
            for key in KEYS:
                page.keyboard.press(key)
            page.wait_for_function(f"id => {shown} && {shown} !== id", arg=now)
            taken.append(time.monotonic() - began)
        browser.close()
    found = {"grades": count, "keys": len(KEYS), "median_s": round(statistics.median(taken), 2)}
    return {**found, "longest_s": round(max(taken), 2), "median_words_shown": statistics.median(words)}


if __name__ == "__main__":
    raise SystemExit(main())
