"""How much an answer may take and what form it has, from each door: the HTTP API, the page's details, validation."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.http.completion_request import ParameterError, as_request, parse_completion
from assistant.records import Request
from assistant.ui.details import details
from assistant.validation import check_form
from graphs.answer import Answer, Example, RouteDecision, Step
from graphs.errors import UsageError

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def asked(**more: Any) -> Request:
    return as_request(parse_completion({"messages": [{"role": "user", "content": "Anna is 31."}], **more}))


@pytest.mark.parametrize(("sent", "effort"), [("low", "quick"), ("medium", "balanced"), ("high", "thorough")])
def test_the_apis_reasoning_effort_is_our_effort(sent: str, effort: str) -> None:
    assert asked(reasoning_effort=sent).effort == effort
    assert asked().effort == ""


def test_a_response_format_with_a_schema_is_an_extraction() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert asked(response_format=wanted).form == SCHEMA


def test_a_response_format_without_a_schema_is_refused() -> None:
    with pytest.raises(ParameterError, match="object"):
        asked(response_format={"type": "json_schema", "json_schema": {"schema": {"type": "string"}}})


@pytest.mark.parametrize(
    "fields",
    [{"labels": ["one"]}, {"labels": ["a", "a"]}, {"labels": ["a", "b"], "form": SCHEMA}, {"form": {"type": "strnig"}}],
)
def test_labels_and_schemas_that_cannot_be_used_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_form(Request(question="x", **fields))


def test_the_details_show_what_was_tried_and_which_examples_were_shown() -> None:
    shown = Example(example_id="e", task="classify", input="hello <b>", output="greeting", similarity=0.91)
    answer = Answer(
        text="x",
        route=RouteDecision(path="few_shot", reason="", confidence=1),
        steps=[Step(name="search_again", text="searching again for “warranty”")],
        examples=[shown],
    )
    told = details(answer)
    assert "searching again for “warranty”" in told
    assert "hello &lt;b&gt;" in told
    assert "0.91" in told
