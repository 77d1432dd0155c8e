"""Several processes, one volume: each fits its share of the pieces into the same folder, and the first writes it up.

`diffmrs.rendezvous` tells each its number; from then on they only look at files, so that one that dies takes no other
with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax

from diffmrs.errors import InputError

PATIENCE_S = 900.0
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True)
class Share:
    """Which pieces are this process's.

    Attributes:
        index: of this process, from 0.
        count: processes.
        patience_s: how long to wait for others without a sign of life, s.
    """

    index: int = 0
    count: int = 1
    patience_s: float = PATIENCE_S

    @property
    def leads(self) -> bool:
        """Whether this is the process that prepares the folder and writes the outputs."""
        return self.index == 0

    def has(self, piece: int) -> bool:
        """Whether a piece is this process's."""
        return piece % self.count == self.index

    def wait_until(self, missing: Callable[[], int], what: str) -> None:
        """Come back when nothing is missing.

        Args:
            missing: tells how much is; the wait goes on as long as it falls.
            what: is missing, for the message.

        Raises:
            InputError: nothing has changed for `patience_s`.
        """
        before, since = missing(), time.monotonic()
        while before:
            time.sleep(_LOOK_EVERY_S)
            now = missing()
            if now < before:
                since = time.monotonic()
            elif time.monotonic() - since > self.patience_s:
                raise InputError(f"waited {self.patience_s:g} s in vain for {now} {what}")
            before = now


ALONE = Share()


def own_share() -> Share:
    """The share of this process among those that `jax.distributed.initialize` brought together."""
    return Share(jax.process_index(), jax.process_count())
