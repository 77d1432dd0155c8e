"""What fits any rows of a volume: one compiled function, whatever their number."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from diffmrs.data import MRSData
from diffmrs.fitting import FitResult, Status
from diffmrs.fitting.chunk import Prepared, fit_chunk, prepared
from diffmrs.fitting.estimate import Estimate
from diffmrs.fitting.fit import Setup, Starter, refine_rows
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import parameters_for
from diffmrs.volume.source import Source
from diffmrs.volume.starts import NET

Condition = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows and their FIDs to FIDs as they are fitted
Refine = Callable[[FitResult], FitResult]

_CHUNK = {"cpu": 256}  # per device; elsewhere:
_ACCELERATOR_CHUNK = 4096
_FIRST_STEPS = 16  # on accelerators; nine of ten fits want fewer
_HOST_CHUNK = {"cpu": 1024}  # per process of several


class Engine:
    """Fits any rows of a volume with one compiled function, whatever their number.

    Args:
        source: the FIDs.
        setup: what the fit is told.
        chunk: spectra per call.
        mesh: devices.
        condition: what is done to FIDs before they are fitted.
        starter: what tells where each fit begins and how many steps it takes.
    """

    def __init__(
        self,
        source: Source,
        setup: Setup,
        chunk: int,
        mesh: Mesh | None,
        condition: Condition | None,
        starter: Starter | None = None,
    ) -> None:
        self.starter = starter
        self.source, self.setup, self.chunk, self.mesh, self.condition = source, setup, chunk, mesh, condition
        self.dtype = np.dtype(setup.basis.fid.dtype)
        self.which = np.zeros(0, np.int32)
        self.lockstep = _platform(mesh) != "cpu"
        self.refined: Estimate | None = None
        self._starts = no_starts(setup)
        self._shared: Prepared | None = None

    def conditioned(self, rows: np.ndarray, fids: np.ndarray | None = None) -> np.ndarray:
        """FIDs as they are fitted. [rows, points]"""
        fids = self.source.take(rows) if fids is None else fids
        return (fids if self.condition is None else self.condition(rows, fids)).astype(self.dtype)

    def fit(self, fids: np.ndarray, which: np.ndarray | None = None) -> Estimate:
        """The fits of some FIDs, [rows, ...]; where `which` is absent, every start is searched for."""
        if self.starter is not None:
            return self._in_chunks(fids, np.zeros(len(fids), np.int32), None)
        which = np.zeros(len(fids), np.int32) if which is None else which
        first = _FIRST_STEPS if self.lockstep else None
        found = self._in_chunks(fids, which, first)
        if first is None:
            return found
        # Side by side all wait for the slowest: those that want more steps than most are fitted together.
        late = np.flatnonzero(np.asarray(found.status) == Status.STEP_LIMIT)
        if not late.size:
            return found
        again = self._in_chunks(fids[late], which[late], None)
        return jax.tree.map(lambda leaf, new: leaf.at[late].set(new), found, again)

    def _in_chunks(self, fids: np.ndarray, which: np.ndarray, max_steps: int | None) -> Estimate:
        starts = range(0, len(fids), self.chunk)
        parts = [self._fit(fids[k : k + self.chunk], which[k : k + self.chunk], max_steps) for k in starts]
        return parts[0] if len(parts) == 1 else jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)

    def estimates(self, span: slice, fids: np.ndarray) -> Estimate:
        """The fits of a span of rows, made or as they were refined together."""
        if self.refined is None:
            return self.fit(fids, self.which[span])
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[span]), self.refined)

    def refine(self, rows: np.ndarray, refine: Refine) -> None:
        """Fit all rows at once and keep what is made of them together; in memory."""
        fids = self.conditioned(rows)
        data = MRSData(jnp.asarray(fids), self.source.data.acquisition, header=self.source.data.header)
        self.refined = refine(self.setup.result(data, self.fit(fids, self.which))).flat()

    def start_from(self, parameters: Parameters, which: np.ndarray) -> None:
        """From now on begin at these parameters, and say which each row takes."""
        self._starts, self.which, self._shared = parameters, which, None

    def _refined(self, fids: np.ndarray, starter: Starter) -> Estimate:
        """Some steps from where a starter begins; the last chunk is filled up with its last spectrum."""
        filled = jnp.asarray(np.pad(fids, ((0, self.chunk - len(fids)), (0, 0)), mode="edge"))
        setup = self.setup
        found = refine_rows(
            filled,
            starter.starts(filled, setup),
            setup.basis.fid,
            setup.priors,
            starter.steps,
            setup.model,
            setup.inflate,
            setup.bounds,
            setup.optimiser,
            self.mesh,
        )
        return jax.tree.map(lambda leaf: leaf[: len(fids)], found)

    def _fit(self, fids: np.ndarray, which: np.ndarray, max_steps: int | None) -> Estimate:
        if self.starter is not None:
            return self._refined(fids, self.starter)
        if self._shared is None:
            self._shared = prepared(self.setup, self._starts)
        missing = self.chunk - len(fids)
        fids = np.pad(fids, ((0, missing), (0, 0)))
        which = np.pad(which, (0, missing), constant_values=-1).astype(np.int32)
        found = fit_chunk(jnp.asarray(fids), jnp.asarray(which), self._shared, self.setup, self.mesh, max_steps)
        return jax.tree.map(lambda leaf: leaf[: self.chunk - missing], found) if missing else found


def no_starts(setup: Setup) -> Parameters:
    """Starts that are none. [NET + 1, ...], NaN"""
    one = parameters_for(setup.model, jnp.zeros(len(setup.model.groups), setup.basis.fid.real.dtype))
    return jax.tree.map(lambda leaf: np.full((NET + 1, *leaf.shape), np.nan, leaf.dtype), one)


def chunk_size(rows: int, mesh: Mesh | None, processes: int) -> int:
    """Spectra per call: pieces of equal size, none much larger than suits the devices."""
    if processes > 1:  # all must come to the same number, whatever their devices
        most = _HOST_CHUNK.get(jax.default_backend(), _ACCELERATOR_CHUNK)
        return -(-rows // max(-(-rows // most), 4 * processes))
    devices = 1 if mesh is None else mesh.size
    most = _CHUNK.get(_platform(mesh), _ACCELERATOR_CHUNK) * devices
    count = -(-rows // most)
    return -(-rows // (count * devices)) * devices


def _platform(mesh: Mesh | None) -> str:
    return str(jax.default_backend() if mesh is None else mesh.devices.flat[0].platform)
