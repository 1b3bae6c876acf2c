"""What one conversation remembers. Plain JSON values only, so that every saver can store it without pickle."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages


class TurnInput(TypedDict, total=False):
    """What a turn starts from."""

    question: str
    question_id: str
    answer_id: str
    forced: str
    """A path, or `auto`."""
    labels: list[str]
    """The only answers a classification may have; empty lets the message say them."""
    form: dict[str, Any]
    """The JSON schema an extraction fills; empty lets the message say what."""
    asked: dict[str, str]
    """What else the request named (`collection`, `model`), for a turn that goes on later."""
    messages: Annotated[list[AnyMessage], add_messages]
    """Only where the caller changes the conversation first: `RemoveMessage`s, or a history it keeps itself."""


class ChatState(TurnInput, total=False):
    """The conversation, and the turn in progress."""

    standalone: str
    task: dict[str, Any]
    """What the message asks to be done with a text it brings (`Task`); empty for anything else."""
    decision: dict[str, Any]
    passages: list[dict[str, Any]]
    """What retrieval returned, best first (`Passage`)."""
    evidence: list[dict[str, Any]]
    """The same, kept or dropped with the reason (`Evidence`)."""
    readings: list[dict[str, Any]]
    draft: dict[str, Any]
    """The model's words before they were checked, with usage and model name."""
    calls: list[dict[str, Any]]
    """The uses of tools the user's message asks for (`graphs.tools.box.Call`)."""
    lacking: dict[str, Any]
    """A use of a tool that lacks something the user is asked for."""
    only: str
    """The document the user said is meant; empty where any may be."""
    spent: str
    """Which part of the budget was used up before the turn was done; empty while there is some left."""
    timing: dict[str, float]
    notices: list[str]
    searches: list[str]
    """What was searched for after the first search found nothing that answers."""
    left: list[str]
    """The paths that were left because their answer was not supported."""
    steps: list[dict[str, Any]]
    """What was tried on the way (`Step`)."""
    table: dict[str, Any]
    """What a table gave for the question (`TableAnswer`); empty where none was asked."""
    repeated: dict[str, Any]
    """The answer the same question had before (`Answer`); empty where it is answered anew."""
    answer: dict[str, Any]
    """The finished `Answer` of the turn."""
