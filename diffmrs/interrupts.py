"""A request to stop, however it comes, ends a run in the same orderly way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Within the block SIGTERM, as batch systems send it, raises KeyboardInterrupt as Ctrl-C does.

    Outside the main thread nothing changes: Python delivers signals only there.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
