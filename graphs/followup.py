"""Follow-up questions ("and the second one?") turned into questions that stand alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from graphs.prompts import load_prompt
from graphs.words import content_words, words

_OPENING = re.compile(r"^(?:and|but|or|so|then|also|what about|how about|why|really|which one|what else|else)\b", re.I)
_POINTING = frozenset(
    "it its this that these those they them their theirs he him his she her hers one ones first second third last "
    "former latter other others there same such both either neither instead".split()
)
_CONVERSATION = "Conversation:\nUser: {}\nAssistant: {}\n\nLast question: {}"
_EXAMPLE = [
    HumanMessage(
        _CONVERSATION.format("How long is the warranty?", "The warranty lasts 24 months.", "Does it cover repairs?")
    ),
    AIMessage("Does the warranty cover repairs?"),
    HumanMessage(
        _CONVERSATION.format("What are the two plans?", "There are two plans: Basic and Pro.", "And the second one?")
    ),
    AIMessage("What is the Pro plan?"),
]


def is_follow_up(question: str, history: Sequence[BaseMessage]) -> bool:
    """Whether a question needs the conversation before it to be understood."""
    tokens = words(question)
    if not history or len(tokens) > 14:
        return False
    return bool(_OPENING.match(question.strip())) or bool(_POINTING & set(tokens)) or len(content_words(question)) < 2


def rephrase(question: str, history: Sequence[BaseMessage], model: BaseChatModel) -> str:
    """A question that stands alone. What the model writes is taken only if every content word of it was said before;
    else the question before is put in front, which retrieval understands as well."""
    turns = [message for message in history if message.type in ("human", "ai")][-2:]
    written = _ask(question, turns, model)
    said = content_words(question).union(*(content_words(str(turn.content)) for turn in turns))
    new = content_words(written)
    if written and len(words(written)) <= 30 and new <= said and new - content_words(question):
        return written
    before = next((str(turn.content) for turn in reversed(turns) if turn.type == "human"), "")
    return f"{before.rstrip()} {question}".strip()


def _ask(question: str, turns: Sequence[BaseMessage], model: BaseChatModel) -> str:
    talk = "\n".join(f"{'User' if turn.type == 'human' else 'Assistant'}: {str(turn.content)[:500]}" for turn in turns)
    prompt = f"Conversation:\n{talk}\n\nLast question: {question}"
    system, _ = load_prompt("rephrase")
    reply = model.invoke([SystemMessage(system), *_EXAMPLE, HumanMessage(prompt)], max_tokens=48, temperature=0)
    return str(reply.content).strip().splitlines()[0].strip() if str(reply.content).strip() else ""
