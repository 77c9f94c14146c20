"""A bound on what a model server may cost: tokens in the last hour, kept in memory as numbers and times only."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

HOUR_S = 3600.0
BYTES_A_TOKEN = 3
"Of UTF-8, in every script rather too few than too many: what is not yet known must not look cheap."


class Spending:
    """Tokens asked and answered in the last hour, against a bound; 0 is no bound. Safe for many threads."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._spent: deque[list[float]] = deque()
        self._lock = threading.Lock()

    def reserve(self, tokens: int) -> list[float] | None:
        """Room for so many tokens, to be settled after the call; None where the hour has no room left."""
        now = time.monotonic()
        with self._lock:
            while self._spent and self._spent[0][0] < now - HOUR_S:
                self._spent.popleft()
            if self._bound and sum(used for _, used in self._spent) + tokens > self._bound:
                return None
            self._spent.append([now, tokens])
            return self._spent[-1]

    def settle(self, reserved: list[float], tokens: int) -> None:
        """What the call really cost, by the server's own count."""
        with self._lock:
            reserved[1] = tokens


def estimate(messages: Sequence[Mapping[str, Any]], n: int, max_new_tokens: int) -> int:
    """Tokens that a call may cost at most, about: the prompt once, and n full answers."""
    return sum(len(m["content"].encode()) for m in messages) // BYTES_A_TOKEN + n * max_new_tokens
