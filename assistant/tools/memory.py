"""Remembering what the user asked to keep, as tools: only the user's own words can be remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.errors import CrossroadsError
from graphs.tools.box import ACTS, OWN_WORDS
from graphs.words import content_words

if TYPE_CHECKING:
    from assistant.facts import Facts


def memory_tools(facts: Facts) -> list[BaseTool]:
    """`remember`, `recall` and `forget`."""

    def remember(fact: str) -> str:
        """Keep a fact the user asked to remember, in every conversation."""
        try:
            return f"I will remember: “{facts.add(fact).text}”."
        except CrossroadsError as error:
            raise ToolException(str(error)) from None

    def recall(about: str = "") -> str:
        """List the facts the user asked to remember, or show the one that answers a question."""
        if about:
            return f"You asked me to remember: “{about}”."
        known = facts.list()
        if not known:
            return "You have not asked me to remember anything."
        return "You asked me to remember:\n\n" + "\n".join(f"- {fact.text}" for fact in known)

    def forget(fact: str) -> str:
        """Forget the remembered facts that say what the user names."""
        wanted = content_words(fact)
        gone = [one for one in facts.list() if wanted and wanted <= content_words(one.text)]
        for one in gone:
            facts.delete(one.fact_id)
        return "\n".join(f"I have forgotten: “{one.text}”." for one in gone) or "I remember nothing that says this."

    own = {ACTS: False, OWN_WORDS: ["fact"]}
    return [
        StructuredTool.from_function(remember, metadata=own),
        StructuredTool.from_function(recall, metadata={ACTS: False}),
        StructuredTool.from_function(forget, metadata=own),
    ]
