"""Rows of fine-tuning as a model reads them: prompt and answer through its own chat template, or as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.prompts import load_prompt, passages_message
from training.tuning.measure import Encoded
from training.tuning.rows import Row, Shape, Values, shape_of, text_column

Message = dict[str, str]
_ROLES = ("system", "user", "assistant")
REFUSAL = "I don't know: the passages do not say."
"""What a grounded model is taught to answer where its passages hold no answer."""


def _messages_wrong(values: Values) -> str:
    return messages_wrong(values["messages"], last="assistant")


def messages_wrong(messages: Any, last: str = "") -> str:
    """What is wrong with a list of messages; empty where nothing is."""
    if not isinstance(messages, list) or not messages:
        return "'messages' is no list of messages"
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            return f"message {number} lacks role or content"
        if message["role"] not in _ROLES:
            return f"message {number} has the role {message['role']!r}"
        if not isinstance(message["content"], str) or not message["content"].strip():
            return f"message {number} is empty"
    return f"the last message is not the {last}'s" if last and messages[-1]["role"] != last else ""


def _grounded_wrong(values: Values) -> str:
    passages = values["passages"]
    if not isinstance(passages, list) or not all(passage_text(passage).strip() for passage in passages):
        return "'passages' is no list of texts"
    return text_column(values, "question", "answer")


CHAT = Shape("chat", ("messages",), _messages_wrong, '{"messages": [{"role": "user", "content": "…"}, …]}')
GROUNDED = Shape(
    "grounded",
    ("question", "passages", "answer"),
    _grounded_wrong,
    '{"question": "…", "passages": ["…"], "answer": "… [1]"}',
)


def asked(prompt: Any) -> list[Message]:
    """A prompt as messages: one of the user's, or a list as it is."""
    return list(prompt) if isinstance(prompt, list) else [{"role": "user", "content": str(prompt)}]


def said(answer: Any) -> str:
    """An answer's text, given as text or as a list of messages whose last is the answer."""
    return str(answer[-1]["content"]) if isinstance(answer, list) else str(answer)


def prompt_wrong(values: Values) -> str:
    """What is wrong with `prompt`; empty where nothing is."""
    if isinstance(values["prompt"], list):
        return messages_wrong(values["prompt"], last="user")
    return text_column(values, "prompt")


def answer_wrong(values: Values, *names: str) -> str:
    """What is wrong with columns that hold an answer; empty where nothing is."""
    for name in names:
        value = values[name]
        wrong = messages_wrong(value, last="assistant") if isinstance(value, list) else text_column(values, name)
        if wrong:
            return wrong
    return ""


PAIR = Shape(
    "prompt and completion",
    ("prompt", "completion"),
    lambda values: prompt_wrong(values) or answer_wrong(values, "completion"),
    '{"prompt": "…", "completion": "…"}',
)
TEXT = Shape("text", ("text",), lambda values: text_column(values, "text"), '{"text": "…"}')
SFT_SHAPES = (CHAT, GROUNDED, PAIR, TEXT)


def passage_text(passage: Any) -> str:
    """A passage's text, given as text or as an object with `text`."""
    return str(passage.get("text", "")) if isinstance(passage, dict) else str(passage)


def grounded_prompt(question: str, passages: Sequence[Any]) -> list[Message]:
    """The messages the assistant sends when it answers from passages: the same words, the same numbers."""
    shown = passages_message(question, [passage_text(passage) for passage in passages])
    return [{"role": "system", "content": load_prompt("passages")[0]}, {"role": "user", "content": shown}]


def turns(row: Row) -> tuple[list[Message], str]:
    """A row as the messages before the answer, and the answer; plain text has no messages."""
    shape, values = shape_of(row, SFT_SHAPES), row.values
    if shape is CHAT:
        return list(values["messages"][:-1]), str(values["messages"][-1]["content"])
    if shape is GROUNDED:
        return grounded_prompt(values["question"], values["passages"]), str(values["answer"])
    if shape is PAIR:
        return asked(values["prompt"]), said(values["completion"])
    return [], str(values["text"])


def encode_prompt(messages: Sequence[Message], tokenizer: Any, system: str = "") -> list[int]:
    """Token ids up to where the assistant begins to write. `system` goes first where no message is the system's.

    A model without a chat template reads the messages' contents, a line each.
    """
    if not tokenizer.chat_template:
        return [int(i) for i in tokenizer("".join(m["content"] + "\n" for m in messages)).input_ids]
    chat = [*messages]
    if system and (not chat or chat[0]["role"] != "system"):
        chat.insert(0, {"role": "system", "content": system})
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    return [int(i) for i in tokenizer(text, add_special_tokens=False).input_ids]


def encode(messages: Sequence[Message], answer: str, tokenizer: Any, system: str = "") -> Encoded:
    """Prompt and answer as ids, the token that ends an answer behind it."""
    prompt = encode_prompt(messages, tokenizer, system) if messages else []
    completion = [int(i) for i in tokenizer(answer, add_special_tokens=not messages).input_ids]
    end = tokenizer.eos_token_id
    if end is not None and (not completion or completion[-1] != end):
        completion = [*completion, int(end)]
    return Encoded(prompt, completion)
