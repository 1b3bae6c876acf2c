"""The heavy things an assistant uses, each loaded once, when it is first needed or in the background before."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from assistant.config import Settings
from assistant.improving.arms import live_name
from graphs.errors import CrossroadsError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from assistant.knowledge.base import KnowledgeBase
    from graphs.context import Checker, Reader, Router

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Told what is being loaded, in a user's words."""
T = TypeVar("T")
_RETRY_SECONDS = 5.0


class Lazy(Generic[T]):
    """A value made once, by the first who asks; the others wait. A failure is kept for a moment, then tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = None
        self._made = False
        self._failed: tuple[float, CrossroadsError] | None = None
        self._closed = False

    def get(self) -> T:
        """The value. Raises the `CrossroadsError` making it failed with."""
        with self._lock:
            if self._made:
                return cast(T, self._value)
            if self._failed and time.monotonic() - self._failed[0] < _RETRY_SECONDS:
                raise self._failed[1]
            try:
                self._value = self._make()
            except CrossroadsError as error:
                self._failed = (time.monotonic(), error)
                raise
            self._made = True
            if self._closed:  # it took so long that nobody waited
                _close(self._value)
            return self._value

    @property
    def ready(self) -> bool:
        """Whether the value is there."""
        return self._made

    @property
    def error(self) -> CrossroadsError | None:
        """Why it is not, where making it failed last time."""
        return self._failed[1] if self._failed and not self.ready else None

    def close(self) -> None:
        """Close the value if it was made and can be closed; one that is being made is closed when it is there."""
        self._closed = True
        if self._lock.acquire(timeout=0.5):
            try:
                _close(self._value)
                self._value, self._made = None, False
            finally:
                self._lock.release()


def _close(value: object) -> None:
    close = getattr(value, "close", None)
    if close:
        close()


class Resources:
    """The models and the knowledge base of one home."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.tell = progress or log.info
        self._chats: dict[str, Lazy[BaseChatModel]] = {}
        self._versions: dict[str, str] = {}
        """Name → the name with the version it stood for when last asked."""
        self._lock = threading.Lock()
        self.embeddings: Lazy[Embeddings] = Lazy(self._load_embeddings)
        self.knowledge: Lazy[KnowledgeBase] = Lazy(self._open_knowledge)
        self.checker: Lazy[Checker] = Lazy(self._load_checker)
        self.router: Lazy[Router | None] = Lazy(self._load_router)
        self.reader: Lazy[Reader | None] = Lazy(self._load_reader)

    def chat(self, name: str, arm: str = "") -> Lazy[BaseChatModel]:
        """The chat model of that name, loaded by the first use of what is returned.

        Of a registered model it is the version that is live now. When another went live the old one is let go; turns
        that use it hold it until they end. So it is with another model on the same `arm` of a trial.
        """
        from assistant.providers.registered import current

        version, slot = current(name, self.settings), arm or name
        with self._lock:
            if (before := self._versions.get(slot)) != version:
                self._versions[slot] = version
                if before and before not in self._versions.values():
                    self._chats.pop(before, None)
            if version not in self._chats:
                self._chats[version] = Lazy(lambda: self._load_chat(version))
            return self._chats[version]

    def parts(self) -> dict[str, Lazy[Any]]:
        """What must be there before questions are answered at full speed, by the name a user knows it by."""
        base: dict[str, Lazy[Any]] = {f"embedding model {self.settings.models.embedding}": self.embeddings}
        base |= {"knowledge base": self.knowledge, "reader": self.reader, "checker": self.checker}
        return base | self._chat_parts()

    def _chat_parts(self) -> dict[str, Lazy[Any]]:
        models = self.settings.models
        found = {f"chat model {models.chat}": self.chat(live_name(self.settings), "live")}
        return found | ({f"chat model {models.tuned}": self.chat(models.tuned)} if models.tuned else {})

    def warm(self) -> None:
        """Load everything, chat models beside the rest; returns when all is there or could not be had.

        What fails is told, kept in its `error`, and tried again when it is needed.
        """
        chats = self.warm_chats()
        self._load(self.parts())
        chats.join()

    def warm_chats(self) -> threading.Thread:
        """Load the chat models on a thread of their own."""
        thread = threading.Thread(target=self._load, args=(self._chat_parts(),), name="warm-chats", daemon=True)
        thread.start()
        return thread

    def _load(self, parts: dict[str, Lazy[Any]]) -> None:
        for name, part in parts.items():
            try:
                part.get()
            except CrossroadsError as error:
                self.tell(f"{name}: {error}")
            except Exception:
                log.exception("loading the %s failed in a way nobody foresaw", name)

    def waiting(self) -> dict[str, str]:
        """What is not there yet, and why."""
        return {name: str(part.error or "still loading") for name, part in self.parts().items() if not part.ready}

    def close(self) -> None:
        """Let go of everything."""
        parts: list[Lazy[Any]] = [self.reader, self.checker, self.knowledge, *self._chats.values(), self.embeddings]
        for part in parts:
            part.close()

    def _load_chat(self, name: str) -> BaseChatModel:
        from assistant.providers import chat_model
        from graphs.prompts import load_prompt

        self.tell(f"loading the chat model {name}")
        model = chat_model(name, self.settings)
        warm_up = getattr(model, "warm_up", None)
        if warm_up:
            warm_up(load_prompt("passages")[0])
        return model

    def _load_embeddings(self) -> Embeddings:
        from assistant.providers import embeddings

        self.tell(f"loading the embedding model {self.settings.models.embedding}")
        return embeddings(self.settings.models.embedding, self.settings)

    def _open_knowledge(self) -> KnowledgeBase:
        from assistant.knowledge.base import open_knowledge

        encoder = self.embeddings.get()
        self.tell("opening the knowledge base")
        return open_knowledge(self.settings, encoder)

    def _load_checker(self) -> Checker:
        from assistant.evidence import open_checker

        return open_checker(self.settings, self.embeddings.get(), self.reader.get())

    def _load_router(self) -> Router | None:
        from assistant.routing import open_router

        return open_router(self.settings)

    def _load_reader(self) -> Reader | None:
        from assistant.evidence import open_reader

        return open_reader(self.settings, self.embeddings.get())
