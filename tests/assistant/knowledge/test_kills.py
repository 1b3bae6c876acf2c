"""A process that dies at any step of an ingest or a deletion leaves something the next open mends by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistant.knowledge.shelf import open_shelf

ROOT = Path(__file__).parents[3]

SCRIPT = """
import os, sys
from pathlib import Path
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.originals import Originals
from tests.assistant.knowledge.shelf import FileStore, open_shelf

home, file, step, moment, action = sys.argv[1:]
place, name = step.split(".")
owner = {"Catalogue": Catalogue, "Originals": Originals, "FileStore": FileStore}[place]
plain = getattr(owner, name)

def deadly(*given, **named):
    if moment == "before":
        os._exit(9)
    result = plain(*given, **named)
    os._exit(9)

knowledge = open_shelf(Path(home))
setattr(owner, name, deadly)
if action == "ingest":
    knowledge.ingest([file])
else:
    knowledge.delete(source=file)
"""

INGEST_STEPS = [
    "Originals.keep",
    "Catalogue.begin",
    "FileStore.put",
    "Catalogue.finish",
    "FileStore.remove",
    "Catalogue.forget",
]
DELETE_STEPS = ["Catalogue.mark_deleting", "FileStore.remove", "Catalogue.forget", "Originals.discard"]


def die(home: Path, file: Path, step: str, moment: str, action: str) -> None:
    command = [sys.executable, "-c", SCRIPT, str(home), str(file), step, moment, action]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 9


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", INGEST_STEPS)
def test_a_kill_while_a_document_is_replaced(home: Path, tmp_path: Path, step: str, moment: str) -> None:
    file = tmp_path / "a.md"
    file.write_text("# Old\n\nThe warranty lasts two years. " + "Old words follow. " * 80)
    with open_shelf(home) as knowledge:
        knowledge.ingest([file])
    file.write_text("# New\n\nThe warranty lasts five years.")
    die(home, file, step, moment, "ingest")
    with open_shelf(home) as knowledge:
        knowledge.mend()
        found = {hit.chunk.title for hit in knowledge.search("warranty words", k=20)}
        assert found in ({"Old"}, {"New"})
        assert [info.title for info in knowledge.documents()] == list(found)
        assert knowledge.store.count("documents") == knowledge.stats().chunks
        knowledge.ingest([file])
        assert [info.title for info in knowledge.documents()] == ["New"]
        assert knowledge.store.count("documents") == knowledge.stats().chunks == 1
        assert len(list((home / "files").iterdir())) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", DELETE_STEPS)
def test_a_kill_while_a_document_is_deleted(home: Path, tmp_path: Path, step: str, moment: str) -> None:
    file = tmp_path / "a.md"
    file.write_text("# Old\n\nThe warranty lasts two years.")
    with open_shelf(home) as knowledge:
        knowledge.ingest([file])
    die(home, file, step, moment, "delete")
    with open_shelf(home) as knowledge:
        knowledge.mend()
        left = len(knowledge.documents())
        assert left == (1 if (step, moment) == ("Catalogue.mark_deleting", "before") else 0)
        assert (knowledge.store.count("documents"), len(list((home / "files").iterdir()))) == (left, left)
