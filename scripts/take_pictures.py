"""Take the README's pictures of a running service: `python scripts/take_pictures.py http://127.0.0.1:7860`.

Loads the tests' handbook, asks about it and about the documentation, and writes `docs/pictures/*.png`.
Wants Chromium (`CROSSROADS_CHROMIUM` or on the path) and the `dev` extra.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
ASKED = ("Which files cannot be loaded?", "How long is the warranty of the appliance?")
PATIENCE = 120_000


def main(address: str) -> None:
    """Drive the page at `address` and write the pictures."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT))
    from tests.fake_assistant import pdf_document

    chromium = os.environ.get("CROSSROADS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        handbook = pdf_document(Path(folder) / "handbook.pdf")[1]
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = open_page(browser, address, 1440, 900, "light")
        load(page, handbook)
        for question in ASKED:
            ask(page, question)
        page.click("article:last-of-type .chip")
        write(page, "chat")
        phone = open_page(browser, page.url, 390, 844, "dark")
        write(phone, "phone")
        viewer = page.context.new_page()
        viewer.goto(f"{address}/{page.get_attribute('#evidence a.button', 'href')}")
        write(viewer, "document")
        browser.close()


def open_page(browser: Any, address: str, width: int, height: int, scheme: str) -> Any:
    """A page of that size, ready to be used."""
    page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("#chat :is(.example, .turn)")
    return page


def load(page: Any, path: Path) -> None:
    """Add a document and wait until it is ready and its line is gone."""
    page.set_input_files("#files", str(path))
    page.wait_for_selector("#tray :is(.done, .unchanged)")
    page.wait_for_selector("#tray .file", state="detached")


def ask(page: Any, question: str) -> None:
    """Ask and wait for the whole answer."""
    before = page.locator("article").count()
    page.fill("#ask", question)
    page.press("#ask", "Enter")
    page.wait_for_selector(f"article:nth-of-type({before + 1}) .answer:not(.draft)")


def write(page: Any, name: str) -> None:
    """A picture of few colours, so that it is small."""
    from PIL import Image

    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    page.wait_for_timeout(300)
    page.screenshot(path=str(path))
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128)
    small.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the service's address: python scripts/take_pictures.py http://127.0.0.1:7860")
    main(sys.argv[1].rstrip("/"))
