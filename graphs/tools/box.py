"""The tools one run may use, as LangChain tools, and one use of a tool."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.tools import BaseTool
from pydantic import Field

from graphs.answer import Record
from graphs.errors import UsageError

ACTS = "crossroads_acts"
"""Key of a tool's metadata: False where it only reads or computes. A tool that does not say so is taken to act."""
OWN_WORDS = "crossroads_own_words"
"""Key of a tool's metadata: names of arguments that must stand word for word in what the user wrote."""


class Call(Record):
    """One use of a tool."""

    call_id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    acts: bool = True
    """Whether a person must agree before it runs."""


class Ledger(Protocol):
    """Remembers which calls have begun, so that one that acts is never run twice."""

    def begin(self, call_id: str) -> bool:
        """Write down that a call begins; False where it had begun before."""
        ...


def acts(tool: BaseTool) -> bool:
    """Whether a tool changes something outside: everything that does not say it does not."""
    return (tool.metadata or {}).get(ACTS) is not False


class ToolBox:
    """Tools by name; the first of a name wins."""

    def __init__(self, tools: Sequence[BaseTool] = ()) -> None:
        self._tools: dict[str, BaseTool] = {}
        for tool in tools:
            self._tools.setdefault(tool.name, tool)

    def __iter__(self) -> Iterator[BaseTool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def get(self, name: str) -> BaseTool:
        """The tool of that name. Raises `UsageError`."""
        if name not in self._tools:
            raise UsageError(f"There is no tool {name!r}.", f"There are: {', '.join(self._tools) or 'none'}.")
        return self._tools[name]

    def call(self, name: str, arguments: Mapping[str, Any], said: str) -> Call:
        """A call whose arguments fit the tool's schema. `said` is all the user wrote in this conversation.

        Raises `UsageError` where the tool is unknown, an argument does not fit, or one that must be the user's own
        words is not.
        """
        tool = self.get(name)
        for key in (tool.metadata or {}).get(OWN_WORDS, ()):
            if not _stands_in(str(arguments.get(key, "")), said):
                raise UsageError(f"{name} may only use a {key} that you wrote yourself.", f"Write the {key} out.")
        _validate(tool, dict(arguments))
        return Call(tool=name, arguments=dict(arguments), acts=acts(tool))


def _stands_in(value: str, said: str) -> bool:
    """Whether a value stands in the user's words as a whole: not as the beginning of a longer address."""
    return bool(value) and re.search(rf"(?<![\w/.:-]){re.escape(value)}(?![\w/?#&=%-])", said) is not None


def schema_of(tool: BaseTool) -> dict[str, Any]:
    """The JSON schema of a tool's arguments."""
    schema: Any = tool.tool_call_schema
    return dict(schema) if isinstance(schema, dict) else dict(schema.model_json_schema())


def _validate(tool: BaseTool, arguments: dict[str, Any]) -> None:
    from jsonschema import ValidationError, validate

    try:
        validate(arguments, {"additionalProperties": False, **schema_of(tool)})
    except ValidationError as error:
        where = ".".join(str(part) for part in error.absolute_path) or "an argument"
        raise UsageError(f"{tool.name} cannot take {where}: {error.message[:200]}.", "Say it differently.") from None
