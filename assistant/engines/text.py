"""From token ids to the text a reader sees: no half characters, no stop strings, not even part of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_HALF = "\ufffd"


class TextStream:
    """Turns ids into text piece by piece; the pieces joined are the text of all ids.

    A character may be spread over several tokens and a space may belong to the next one, so each piece is the
    difference between two decodings that share a few tokens of context.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._context = 0
        self._read = 0

    def push(self, token: int) -> str:
        """The text that became certain with this token; often empty in the middle of a character."""
        self._ids.append(token)
        before = self._decode(self._ids[self._context : self._read])
        now = self._decode(self._ids[self._context :])
        if len(now) <= len(before) or now.endswith(_HALF):
            return ""
        self._context, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """What is left at the end, half a character included."""
        before = self._decode(self._ids[self._context : self._read])
        self._read = len(self._ids)
        return self._decode(self._ids[self._context :])[len(before) :]


class StopFilter:
    """Cuts text at the first stop string, holding back what might become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The text that can be shown now. After `stopped` is set it is always empty."""
        if self.stopped:
            return ""
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._release(min(found))
        return self._release(len(self._held) - self._suspicious())

    def flush(self) -> str:
        """What was held back; call it once, at the end."""
        return "" if self.stopped else self._release(len(self._held))

    def _release(self, length: int) -> str:
        shown, self._held = self._held[:length], "" if self.stopped else self._held[length:]
        return shown

    def _suspicious(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0
