import json
from collections.abc import Callable
from typing import Any

import pytest

from graphs.answer import Example, Voted
from graphs.constrained import bounded, fill, match, read_json, verbatim
from graphs.context import Context, Named
from graphs.tasks import find_task, names_document, split
from tests.graphs.conftest import Scripted

Make = Callable[..., Context]
NAMES = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        ("Summarise this: Rain fell all day in November.", "summarise", "Rain fell all day in November."),
        ("Classify as spam or ham: you won a prize", "classify", "you won a prize"),
        ("What is the sentiment of this review: a lovely day out", "sentiment", "a lovely day out"),
        ("Translate into German. “I would like a coffee.”", "translate", "I would like a coffee."),
        ("Extract the name and age from: Anna is 31.", "extract", "Anna is 31."),
        ("Please rewrite this politely:\ngive me my money back", "rewrite", "give me my money back"),
    ],
)
def test_a_task_and_its_text_are_told_apart(message: str, name: str, text: str) -> None:
    task = find_task(message)
    assert task is not None
    assert (task.name, task.text) == (name, text)


@pytest.mark.parametrize("message", ["How do I summarise a document?", "What does it extract?", "Classify: whales"])
def test_a_question_about_a_task_is_none(message: str) -> None:
    assert find_task(message) is None


def test_the_labels_are_those_the_message_lists() -> None:
    task = find_task("Classify the message into one of: card lost, greeting or weather\nMessage: where is my card")
    assert task is not None
    assert task.labels == ["card lost", "greeting", "weather"]
    assert task.text == "where is my card"


def test_the_text_behind_a_marker_wins_over_the_line_break() -> None:
    assert split("Sort it.\nLabels: a, b\nText: good morning") == ("Sort it.\nLabels: a, b", "good morning")


@pytest.mark.parametrize(
    ("written", "label"),
    [("The label is: card lost.", "card lost"), ("lost", ""), ("ham or spam", ""), ("SPAM", "spam")],
)
def test_a_label_is_taken_only_where_one_is_named(written: str, label: str) -> None:
    assert match(written, ["card lost", "spam", "ham"]) == label


def test_json_that_breaks_the_schema_says_why() -> None:
    assert read_json('Here: {"name": "Anna", "age": 31} ok', NAMES) == ({"name": "Anna", "age": 31}, "")
    assert "31" in read_json('{"name": "Anna", "age": "31"}', NAMES)[1]


def test_a_bounded_schema_has_an_end_and_no_other_property() -> None:
    made = bounded({"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}})
    assert made["additionalProperties"] is False
    assert made["properties"]["tags"]["maxItems"] > 0
    assert made["properties"]["tags"]["items"]["maxLength"] > 0


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("Ann", True), ("1901", True), ("Ann (b. 1901) said", True), ("U.S. towns", True), ("", True),
        ("said yes", False), ("Anna", False), ("towns and", False), ("1902", False), ("said Ann", False),
    ],
)  # fmt: skip
def test_a_value_held_to_a_text_stands_in_it(value: str, stands: bool) -> None:
    text = 'Ann (b. 1901) said "yes" in U.S. towns\nand left.'
    held = verbatim(NAMES, text)
    _, wrong = read_json(json.dumps({"name": value, "age": 3}), held)
    assert (not wrong) is stands
    assert held["properties"]["age"] == NAMES["properties"]["age"]
    assert verbatim(NAMES, "word " * 100) == NAMES


class Held(Scripted):
    """A model that is held to a grammar token by token."""

    constrains: str = "grammar"


def test_fields_the_user_names_are_held_to_the_text_and_a_schema_is_not(talk: Any, make_context: Make) -> None:
    asked = "Extract the name and age from: Anna is 31."
    for form, held in ((None, True), (NAMES, False)):
        model = Held(
            lines=['{"name": "Anna", "age": 31}' if form else '{"name": "Anna", "age": "31"}'], asked=[], options=[]
        )
        answer = talk.ask(make_context(chat=model), asked, **({"form": form} if form else {}))
        assert answer.data is not None
        assert ("pattern" in model.options[0]["json_schema"]) is held


def test_texts_of_like_length_share_a_grammar() -> None:
    made = set()
    for longest in (41, 50, 64):
        model = Held(lines=['{"name": "Anna"}'], asked=[], options=[])
        assert fill(model, [], NAMES, longest)[0] == {"name": "Anna"}
        made.add(model.options[0]["json_schema"])
    assert len(made) == 1


def test_a_classification_answers_with_a_label_alone(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("I would say Ham."), "Classify as spam or ham: see you at eight")
    assert (answer.text, answer.task, answer.route.path) == ("ham", "classify", "zero_shot")


def test_a_model_that_names_no_label_is_not_helped_by_guessing(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("Fish."), "Classify as spam or ham: see you at eight")
    assert answer.abstained
    assert "2 labels" in answer.text


def test_an_extraction_is_data_and_what_is_not_in_the_text_is_told(talk: Any, make_context: Make) -> None:
    context = make_context('{"name": "Anna", "age": "40"}')
    answer = talk.ask(context, "Extract the name and age from: Anna is 31.")
    assert answer.data == {"name": "Anna", "age": "40"}
    assert any("age “40”" in notice for notice in answer.notices)


def test_an_extraction_is_asked_for_once_more_then_given_up(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("Anna!", "Still Anna."), "Extract the name and age from: Anna is 31.")
    assert answer.abstained
    assert answer.data is None


def test_a_summary_cites_the_text_it_is_of(talk: Any, make_context: Make) -> None:
    text = "The warranty lasts 24 months. Repairs extend it by six months."
    answer = talk.ask(make_context("The warranty lasts 24 months."), f"Summarise this: {text}")
    assert answer.text == "The warranty lasts 24 months [1]."
    assert text[answer.citations[0].start : answer.citations[0].end] == answer.citations[0].snippet


def test_a_summary_that_invents_is_replaced_by_the_texts_own_sentence(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("Aliens pay for it."), "Summarise this: The warranty lasts 24 months.")
    assert "24 months" in answer.text
    assert answer.quoted


def test_a_long_text_is_summarised_part_by_part(talk: Any, make_context: Make) -> None:
    parts = [f"The council of town number{n} met in hall{n} and agreed about road{n} a lot. " * 30 for n in range(3)]
    lines = [f"The council of town number{n} met in hall{n}." for n in range(9)]
    answer = talk.ask(make_context(*lines), "Summarise this:\n" + "".join(parts))
    assert [step.name for step in answer.steps] == ["map", "reduce"]
    assert len({citation.chunk_id for citation in answer.citations}) >= 2


def test_a_translation_that_is_the_original_is_none(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("the house is red"), "Translate to French: the house is red")
    assert answer.abstained


def test_a_rewriting_says_what_it_added(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context("Kindly send elephants."), "Rewrite this politely: send my money")
    assert any("elephants" in notice for notice in answer.notices)


class Deciding:
    """Worked examples that are sure of a label."""

    def nearest(self, task: str, text: str) -> float:
        return 0.9

    def find(self, task: str, text: str, most: int, labels: Any = ()) -> list[Example]:
        raise AssertionError("no model is shown examples that decide by themselves")

    def vote(self, task: str, text: str, labels: Any, most: int) -> Voted:
        shown = [Example(example_id="e", task=task, input="see you at nine", output="ham")]
        return Voted(label="ham", lead=0.8, voters=6, examples=shown)


def test_examples_that_cover_every_label_decide_without_a_model(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context(examples=Deciding()), "Classify as spam or ham: see you at eight")
    assert (answer.text, answer.route.path, answer.model) == ("ham", "few_shot", "worked examples")
    assert [example.output for example in answer.examples] == ["ham"]
    assert "6 worked examples" in answer.steps[0].text


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Summarise report.pdf", "report.pdf"),
        ("Please give me a short summary of the document Warranty terms.", "Warranty terms"),
        ("Can you summarize the file called “notes 2026.docx”?", "notes 2026.docx"),
        ("How long is the report?", ""),
    ],
)
def test_a_document_to_summarise_is_named_in_many_ways(message: str, name: str) -> None:
    assert names_document(message) == name


class OneDocument:
    """A document called `report`, loaded twice."""

    text_of = "The council met in May. It agreed to mend the bridge. " * 80

    def named(self, name: str) -> Named | None:
        about = {"document_id": "d7", "source": "/files/report.pdf", "title": "Report"}
        return Named(**about, alike=2) if name == "report.pdf" else None

    def text(self, document_id: str) -> str:
        assert document_id == "d7"
        return self.text_of


def test_a_named_document_is_summarised_whole_and_cited(talk: Any, make_context: Make) -> None:
    context = make_context(*["The council met in May."] * 9, documents=OneDocument())
    answer = talk.ask(context, "Summarise report.pdf")
    assert (answer.task, answer.route.path) == ("summarise", "rag")
    assert "all of it" in answer.route.reason
    assert {citation.document_id for citation in answer.citations} == {"d7"}
    citation = answer.citations[0]
    assert OneDocument.text_of[citation.start : citation.end] == citation.snippet
    assert any("2 documents are called so" in notice for notice in answer.notices)


def test_a_document_nobody_loaded_is_no_summary(talk: Any, make_context: Make) -> None:
    answer = talk.ask(make_context(*["No idea."] * 9, documents=OneDocument()), "Summarise budget.pdf")
    assert answer.task == ""
