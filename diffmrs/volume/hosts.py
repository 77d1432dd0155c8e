"""Several processes, one volume: each fits its share of the pieces into the same folder."""

from dataclasses import dataclass

import jax


@dataclass(frozen=True)
class Share:
    """Which pieces are this process's.

    Attributes:
        index: of this process, from 0.
        count: processes.
    """

    index: int = 0
    count: int = 1

    def has(self, piece: int) -> bool:
        """Whether a piece is this process's."""
        return piece % self.count == self.index

    def wait_for_others(self) -> None:
        """Come back when all processes have come here."""
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("diffmrs pieces finished")


def own_share() -> Share:
    """The share of this process among those that `jax.distributed.initialize` brought together."""
    return Share(jax.process_index(), jax.process_count())
