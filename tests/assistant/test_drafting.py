"""Questions drafted from documents: a model asks about sentences, a search must find them back, a person confirms."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from assistant.cli import main
from assistant.evaluation import homes
from assistant.evaluation.drafting import draft
from assistant.knowledge.types import Chunk, DocumentInfo, Hit, StoredDocument

FACTS = (
    "The warranty of every pump lasts 24 months from delivery.",
    "Repairs by the factory extend the warranty by six months.",
    "The canteen opens at eleven and closes at two in summer.",
)
TEXT = (
    "# Handbook\n\n" + "\n\n".join(FACTS) + "\n\nToo short.\n\n| a | table of numbers and words that is long enough. |"
)


def assistant_of(say: Any, found: Any = lambda text: text) -> Any:
    """One document; `say` asks about a sentence, `found` is what a search for it brings."""
    info = DocumentInfo("d", "documents", "/docs/handbook.md", "Handbook", "text/markdown", "0", len(TEXT), 1, "")

    def invoke(messages: Any, **_: Any) -> AIMessage:
        sentence = messages[-1].content.split("Sentence: ")[-1].split("\n")[0]
        return AIMessage(say(sentence))

    def search(question: str, collection: str, k: int) -> list[Hit]:
        best = max(FACTS, key=lambda fact: len(set(fact.lower().split()) & set(question.lower().rstrip("?").split())))
        return [Hit(Chunk("c", "d", info.source, info.title, found(best), 0, 1), 1.0, 1.0)]

    return SimpleNamespace(
        catalogue=SimpleNamespace(list=lambda: [info]),
        knowledge=SimpleNamespace(document=lambda _: StoredDocument(info, TEXT), search=search),
        resources=SimpleNamespace(chat=lambda _: SimpleNamespace(get=lambda: SimpleNamespace(invoke=invoke))),
        settings=SimpleNamespace(models=SimpleNamespace(chat="fake:asker")),
    )


def asks(sentence: str) -> str:
    return f"Question: What about {sentence.rstrip('.').lower()}? And more."


def test_each_sentence_worth_it_becomes_a_question_with_its_evidence() -> None:
    made = list(draft(assistant_of(asks), 9))
    assert {sample.target for sample in made} == set(FACTS)
    assert all(sample.input.endswith("?") for sample in made)
    assert {sample.metadata["evidence"] for sample in made} == set(FACTS)
    assert [sample.metadata["confirmed"] for sample in made] == [False] * 3
    assert [sample.id for sample in made] == ["draft-001", "draft-002", "draft-003"]


def test_as_many_are_drafted_as_are_wanted() -> None:
    assert len(list(draft(assistant_of(asks), 2))) == 2


@pytest.mark.parametrize(
    "assistant",
    [
        assistant_of(lambda _: "I am a helpful assistant."),
        assistant_of(lambda _: "Is it?"),
        assistant_of(lambda _: "Who painted the ceilings of chapels?"),
        assistant_of(asks, lambda _: "Something else entirely."),
    ],
    ids=["no question", "too short", "about something else", "not found again"],
)
def test_what_is_no_question_about_the_sentence_is_dropped(assistant: Any) -> None:
    assert list(draft(assistant, 3)) == []


def test_new_drafts_a_suite_whose_questions_wait_for_a_person(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(homes, "open_for", lambda *_: nullcontext(assistant_of(asks)))
    Path("handbook.md").write_text(TEXT, encoding="utf-8")
    given = ["eval", "new", "handbook", "--draft", "handbook.md", "--questions", "3", "--target", "assistant"]
    assert main.run([*given, "--scorers", "f1,retrieval", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"suite": "handbook.yaml", "drafted": 3}
    assert main.run(["eval", "run", "handbook.yaml", "--out", "1"]) == 2
    assert "has no samples" in capsys.readouterr().err  # nobody has confirmed one
