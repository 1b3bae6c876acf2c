"""How often something may be asked for: a moving window in this process, by the library `limits`."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from assistant.people.caller import Caller

SIGN_INS = RateLimitItemPerMinute(10, 5, namespace="sign-in")
"""Tries in five minutes for one name from one address, right ones included."""
SIGN_INS_OF_ONE = RateLimitItemPerMinute(60, 5, namespace="sign-in-address")
"""Tries in five minutes from one address, whatever the names."""


class Rates:
    """Counts of one process. Several processes each count for themselves."""

    def __init__(self, requests_per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(requests_per_minute, namespace="api") if requests_per_minute else None

    def wait(self, caller: Caller) -> int:
        """Seconds until this caller may ask again; 0 where it may now, which counts as asking."""
        return self._hit(self._requests, caller.person or caller.via) if self._requests else 0

    def wait_to_sign_in(self, address: str, name: str) -> int:
        """Seconds until another try; 0 where it may be tried now, which counts as a try."""
        return self._hit(SIGN_INS_OF_ONE, address) or self._hit(SIGN_INS, address, name.casefold()[:100])

    def _hit(self, item: RateLimitItem, *key: str) -> int:
        if self._limiter.hit(item, *key):
            return 0
        reset: float = self._limiter.get_window_stats(item, *key).reset_time
        return max(1, math.ceil(reset - time.time()))
