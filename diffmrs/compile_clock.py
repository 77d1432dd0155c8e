"""How much of a stretch of time JAX spent on tracing and compiling."""

import time
from typing import Any

import jax


class CompileClock:
    """Context manager that measures elapsed time and, within it, tracing, lowering and compilation.

    Attributes:
        seconds: elapsed, s; set at the end of the block.
        compile_seconds: of these, spent before anything ran, s.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.compile_seconds = 0.0
        self._start = 0.0
        self._spans: list[tuple[float, float]] = []

    def __enter__(self) -> "CompileClock":
        self._start = time.monotonic()
        jax.monitoring.register_event_duration_secs_listener(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        jax.monitoring.unregister_event_duration_listener(self._note)
        self.seconds = time.monotonic() - self._start
        self.compile_seconds = _covered(self._spans, self._start)

    def _note(self, event: str, duration_secs: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile/"):
            now = time.monotonic()
            self._spans.append((now - duration_secs, now))


def _covered(spans: list[tuple[float, float]], start: float) -> float:
    """Length of the union of the spans: traces contain other traces, which must not count twice."""
    total, reached = 0.0, start
    for first, last in sorted(spans):
        total += max(last - max(first, reached), 0.0)
        reached = max(reached, last)
    return total
