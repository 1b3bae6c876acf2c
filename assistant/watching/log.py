"""The service's log: one JSON object a line, about turns and requests, without what was asked or answered.

`logs.to` says where: the file HOME/logs/serve.jsonl (ten megabytes, five old ones kept), standard error, or nowhere.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

from assistant.watching.metrics import outcome

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.turn import TurnRun

_BYTES, _KEPT = 10_000_000, 5


class Log:
    """Writes what happened. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._text = settings.logs.text
        self._handler = _handler(settings)
        self._logger = logging.Logger("crossroads.service", logging.INFO)
        if self._handler:
            self._handler.setFormatter(JsonLines(settings.logs.text))
            self._logger.addHandler(self._handler)
            logging.getLogger().addHandler(self._handler)  # warnings and errors of everything else

    def event(self, name: str, **fields: Any) -> None:
        """Write one line."""
        if self._handler:
            self._logger.info(name, extra={"fields": fields})

    def turn_ended(self, run: TurnRun, seconds: float) -> None:
        """Write how a turn ended; with `logs.text`, also what was answered."""
        answer = run.answer
        if answer is None:
            kind = run.error.type if run.error else "stopped"
            return self.event("turn", thread_id=run.thread_id, outcome="failed", error=kind, seconds=round(seconds, 3))
        fields: dict[str, Any] = {
            "thread_id": answer.thread_id,
            "answer_id": answer.answer_id,
            "outcome": outcome(answer),
            "path": answer.route.path,
            "model": answer.model,
            "grounding": answer.grounding.label if answer.grounding else None,
            "citations": len(answer.citations),
            "seconds": round(seconds, 3),
            **answer.timing.model_dump(),
            **answer.usage.model_dump(),
        }
        self.event("turn", **fields, **({"text": answer.text} if self._text else {}))

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file."""
        if self._handler:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()


class JsonLines(logging.Formatter):
    """A log record as one JSON object: `time`, `level`, `event`, then its fields.

    What others log may hold anything, so without `text` only their name, the place and the kind of error are written.
    """

    def __init__(self, text: bool) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        fields = getattr(record, "fields", None)
        line |= {"event": record.getMessage(), **fields} if fields is not None else self._foreign(record)
        return json.dumps(line, ensure_ascii=False, default=str)

    def _foreign(self, record: logging.LogRecord) -> dict[str, Any]:
        found: dict[str, Any] = {"event": "log", "logger": record.name, "where": f"{record.module}:{record.lineno}"}
        if self._text:
            found["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            found["error"] = record.exc_info[0].__name__
            found["traceback"] = traceback.format_tb(record.exc_info[2])
        return found


def _handler(settings: Settings) -> logging.Handler | None:
    if settings.logs.to == "off":
        return None
    if settings.logs.to == "stderr":
        return logging.StreamHandler()
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return RotatingFileHandler(folder / "serve.jsonl", maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8")
