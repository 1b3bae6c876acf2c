from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.prompting import compare_prompts
from eval.sample import Sample
from graphs.errors import NotFoundError, UsageError
from graphs.prompts import instead, load_prompt, names, parse, read

MINE = "---\nversion: 2\n---\nAnswer in one word.\n"


@pytest.fixture
def mine(tmp_path: Path) -> str:
    file = tmp_path / "passages.md"
    file.write_text(MINE, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", names())
def test_every_prompt_that_ships_has_a_version_and_a_hash(name: str) -> None:
    text, reference = parse(*read(name))
    assert text
    assert reference.version.isdigit()
    assert len(reference.sha256) == 64


def test_a_version_stands_in_until_the_block_ends(mine: str) -> None:
    before = load_prompt("passages")
    with instead(mine) as reference:
        assert load_prompt("passages") == ("Answer in one word.", reference)
    assert load_prompt("passages") == before


def test_an_unknown_prompt_names_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="passages"):
        read("nonsense")


def test_a_file_without_a_version_is_refused() -> None:
    with pytest.raises(UsageError, match="version"):
        parse("passages", "Just text.")


def test_two_versions_are_compared_row_by_row(mine: str) -> None:
    def ask(request: Any) -> Any:
        right = load_prompt("passages")[1].version == "2" or request.question == "a"
        return SimpleNamespace(text="blue" if right else "red", abstained=False)

    samples = [Sample(id=name, input=name, target="blue") for name in "abcd"]
    assistant: Any = SimpleNamespace(ask=ask)
    found = compare_prompts(assistant, "passages", mine, samples, "rag", lambda _: None)
    assert (found["first"]["f1"], found["second"]["f1"]) == (25.0, 100.0)
    assert found["difference"][0] == pytest.approx(75.0)
    assert found["second"]["version"] == "2"


def test_different_prompts_are_not_compared(mine: str) -> None:
    with pytest.raises(UsageError, match="different prompts"):
        compare_prompts(SimpleNamespace(), "talk", mine, [], "rag", lambda _: None)  # type: ignore[arg-type]
