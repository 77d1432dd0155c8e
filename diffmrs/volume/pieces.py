"""The pieces that a volume is fitted in, and what must be alike for a run to go on where an earlier one ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from diffmrs.fitting import FitResult
from diffmrs.provenance import __version__
from diffmrs.results import Layout
from diffmrs.volume.engine import Engine
from diffmrs.volume.numbers import are_numbers, in_full
from diffmrs.volume.store import Store, digest

_BLOCK = 4096  # FIDs whose fingerprint is taken together


@runtime_checkable
class Extra(Protocol):
    """Makes further arrays of each finished piece to keep."""

    def __call__(self, result: FitResult, span: slice, folder: Path) -> dict[str, np.ndarray]:
        """Of its fits, where its rows lie among all, and the folder of the run."""

    def accepts(self, arrays: dict[str, np.ndarray], span: slice, folder: Path) -> bool:
        """Whether what an earlier run kept is what would be made now."""


class Pieces:
    """The rows of a volume in pieces of one size, and the numbers of the finished ones."""

    def __init__(self, rows: np.ndarray, size: int, store: Store, n_names: int) -> None:
        self.rows, self.size, self.store, self.n_names = rows, size, store, n_names

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return -(-len(self.rows) // self.size)

    def span(self, k: int) -> slice:
        """Where the rows of a piece lie among all that are fitted."""
        return slice(k * self.size, (k + 1) * self.size)

    def rows_of(self, k: int) -> np.ndarray:
        """The rows of a piece, as indices into the flattened leading axes."""
        return self.rows[self.span(k)]

    def done(self, k: int, extra: Extra | None, *, remove: bool = True) -> bool:
        """Whether a piece is finished; a file that is not what it should be is taken away."""
        arrays = self.store.whole(k)
        good = (
            arrays is not None
            and are_numbers(arrays, len(self.rows_of(k)), self.n_names)
            and "reference" in arrays
            and arrays["reference"].shape == ()
            and (extra is None or extra.accepts(arrays, self.span(k), self.store.folder))
        )
        if not good and remove:
            self.store.discard(k)
        return good

    def column(self, name: str, *, shared: bool = False) -> np.ndarray:
        """An array of all pieces; or one that is the same in all."""
        if shared:
            return self.store.read(0, [name])[name]
        return in_full(np.concatenate([self.store.read(k, [name])[name] for k in range(self.count)]))

    def each(self, prefix: str = "") -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Piece by piece: where its rows lie among all, and its arrays whose names begin so."""
        for k in range(self.count):
            yield self.span(k), self.store.read(k, prefix=prefix)


def plan_of(engine: Engine, layout: Layout, neighbours: bool, refined: bool, identity: str) -> dict[str, Any]:
    """What makes two runs the same."""
    fids = engine.source.pieces(layout.rows, _BLOCK)
    return {
        "diffmrs": __version__,
        "data": digest(fids, layout.rows, layout.space, layout.extra, engine.source.n_points),
        "model": digest(
            engine.setup.basis.fid,
            engine.setup.priors,
            engine.setup.model,
            engine.setup.inflate,
            engine.setup.bounds,
            engine.setup.optimiser,
        ),
        "pieces": [len(layout.rows), engine.chunk],
        "neighbours": neighbours,
        "refined": refined,
        "precision": str(engine.dtype),
        "identity": identity,
    }
