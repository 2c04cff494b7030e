"""When to leave an endpoint in peace: after failures in a row it is asked by one call at a time, ever more rarely."""

from __future__ import annotations


class Breaker:
    """A state machine without a clock: times are handed in, in seconds of any clock that does not jump.

    closed --failures in a row--> open --pause is over, one call--> probing --answered--> closed
                                   ^------------missed, twice the pause------'
    """

    def __init__(self, *, failures_max: int = 5, pause_seconds: float = 1.0, pause_max_seconds: float = 30.0) -> None:
        self._failures_max = failures_max
        self._pause_seconds = pause_seconds
        self._pause_max_seconds = pause_max_seconds
        self._failures = 0
        self._open_until: float | None = None
        self._is_probing = False

    @property
    def failures(self) -> int:
        """In a row, up to now."""
        return self._failures

    def ask(self, now: float) -> float:
        """0 if a call may go through; otherwise in how many seconds it is worth asking again.

        Whoever is let through says ``answered``, ``missed`` or ``dropped`` afterwards.
        """
        if self._open_until is None:
            return 0.0
        if self._is_probing:
            return self._pause_seconds
        if now < self._open_until:
            return self._open_until - now
        self._is_probing = True
        return 0.0

    def answered(self) -> None:
        self._failures = 0
        self._open_until = None
        self._is_probing = False

    def missed(self, now: float) -> None:
        self._failures += 1
        if self._failures < self._failures_max:
            return
        was_probe, self._is_probing = self._is_probing, False
        if self._open_until is not None and not was_probe:
            return  # One that was under way already when it opened: it says nothing new.
        pause = self._pause_seconds * 2.0 ** min(self._failures - self._failures_max, 20)
        self._open_until = now + min(pause, self._pause_max_seconds)

    def dropped(self) -> None:
        """The call was given up from our side: nobody knows more than before."""
        self._is_probing = False
