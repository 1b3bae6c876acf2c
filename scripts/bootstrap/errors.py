"""What stops a set-up: a sentence and a cure, never a traceback."""

from __future__ import annotations


class SetupError(Exception):
    """Set-up cannot go on. `cure` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(f"{message}\n  {cure}")
        self.message = message
        self.cure = cure
