"""A model's tokenizer and chat template: messages to token ids and back, the same for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ {'system': 'System', 'user': 'User', 'assistant': 'Assistant'}[message.role] }}: {{ message.content }}\n"
    "{% endfor %}Assistant:"
)
"""For models that bring no chat template, such as base models."""
PLAIN_STOPS = ("\nUser:", "\nSystem:")


@dataclass(frozen=True)
class CodecFacts:
    """What a model's files say about its texts."""

    template: str
    """Jinja, as in the model's own files; empty means `PLAIN_TEMPLATE`."""
    special: tuple[str, ...]
    """Tokens that steer the model; in a message they are plain text."""
    ends: tuple[int, ...]
    """Ids that end an answer."""
    context: int
    """Tokens of prompt and answer together."""
    bos: str = ""
    eos: str = ""


class Codec:
    """Encodes conversations and decodes answers of one model."""

    def __init__(self, tokenizer: Tokenizer, facts: CodecFacts) -> None:
        self.tokenizer = tokenizer
        self.facts = facts
        self.ends = frozenset(facts.ends)

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings the template itself needs."""
        return () if self.facts.template else PLAIN_STOPS

    def encode(self, text: str) -> list[int]:
        """Token ids; nothing is put before or behind."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def render(self, messages: Sequence[Mapping[str, str]], system: str = "") -> str:
        """The prompt of a conversation (dicts of role and content), up to where the assistant begins to write.

        `system` goes first where the conversation has no system message. A template that refuses system messages
        gets that text before the first user message. Special tokens inside a message are defused: a document that
        contains `<|im_end|>` must not end anybody's turn.
        """
        from jinja2 import TemplateError

        chat = [{"role": m["role"], "content": self._defuse(m["content"])} for m in messages]
        if system and (not chat or chat[0]["role"] != "system"):
            chat.insert(0, {"role": "system", "content": self._defuse(system)})
        try:
            return self._render(chat)
        except TemplateError:
            return self._render(_without_system(chat))

    def _render(self, chat: list[dict[str, str]]) -> str:
        names = {"bos_token": self.facts.bos, "eos_token": self.facts.eos, "add_generation_prompt": True}
        return self._template.render(messages=chat, tools=None, documents=None, **names)

    @cached_property
    def _template(self) -> Template:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def raise_exception(message: str) -> None:
            raise TemplateError(message)

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = raise_exception
        environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
        return environment.from_string(self.facts.template or PLAIN_TEMPLATE)

    def _defuse(self, text: str) -> str:
        for token in self.facts.special:
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `codec.json`, the latter last: where it is, both are whole."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        part = folder / "codec.json.part"
        part.write_text(json.dumps(asdict(self.facts), indent=1), encoding="utf-8")
        part.replace(folder / "codec.json")

    @classmethod
    def load(cls, folder: Path) -> Codec | None:
        """The codec saved in a folder; None where there is none."""
        from tokenizers import Tokenizer

        try:
            facts: dict[str, Any] = json.loads((folder / "codec.json").read_text(encoding="utf-8"))
        except OSError:
            return None
        facts["special"], facts["ends"] = tuple(facts["special"]), tuple(facts["ends"])
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), CodecFacts(**facts))


def _without_system(chat: list[dict[str, str]]) -> list[dict[str, str]]:
    instructions = "\n\n".join(message["content"] for message in chat if message["role"] == "system")
    rest = [message for message in chat if message["role"] != "system"]
    if instructions and rest:
        rest[0] = {"role": rest[0]["role"], "content": f"{instructions}\n\n{rest[0]['content']}"}
    return rest
