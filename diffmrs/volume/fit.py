"""Fit a volume chunk by chunk: memory is bounded by the chunk, and what is finished lies on the disk."""

import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from tqdm import tqdm

from diffmrs.combine import combinations_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, Status
from diffmrs.fitting.chunk import Prepared, fit_chunk, prepared
from diffmrs.fitting.engine import local_mesh
from diffmrs.fitting.estimate import Estimate
from diffmrs.fitting.fit import Setup, set_up
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import parameters_for
from diffmrs.provenance import __version__
from diffmrs.quality import Quality
from diffmrs.quantify import ConcentrationFactors
from diffmrs.resampling import resample
from diffmrs.results import Layout, MetaboliteTable
from diffmrs.results.layout import layout_of
from diffmrs.volume.hosts import Share, own_share
from diffmrs.volume.numbers import Columns, are_numbers, in_full, numbers_of
from diffmrs.volume.places import places_mm
from diffmrs.volume.source import Source, survey
from diffmrs.volume.starts import NET, coarse_net, mean_of_aligned, starts_from
from diffmrs.volume.store import Store, check_room, digest, kept_in_words

Condition = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows and their FIDs to FIDs as they are fitted
Tell = Callable[[str], None]
Refine = Callable[[FitResult], FitResult]
Factors = Callable[[np.ndarray, MRSData], ConcentrationFactors | None]  # the same to what amplitudes mean


@runtime_checkable
class Extra(Protocol):
    """Makes further arrays of each finished piece to keep."""

    def __call__(self, result: FitResult, span: slice, folder: Path) -> dict[str, np.ndarray]:
        """Of its fits, where its rows lie among all, and the folder of the run."""

    def accepts(self, arrays: dict[str, np.ndarray], span: slice, folder: Path) -> bool:
        """Whether what an earlier run kept is what would be made now."""


RUN_FOLDER = ".diffmrs_run"
_CHUNK = {"cpu": 256}  # per device; elsewhere:
_ACCELERATOR_CHUNK = 4096
_FIRST_STEPS = 16  # on accelerators; nine of ten fits want fewer
_HOST_CHUNK = {"cpu": 1024}  # per process of several
_BYTES_PER_NUMBER, _NUMBERS_PER_NAME, _NUMBERS_PER_SPECTRUM = 4, 16, 80


@dataclass(frozen=True)
class VolumeFit:
    """A fitted volume: its numbers on the disk, one spectrum's fit at a time in memory.

    Attributes:
        layout: where each fitted spectrum sat in the file.
        data: the measurement.
        setup: basis, model and soft constraints.
        columns: the numbers.
        engine: what fits a chunk.
        store: where finished pieces lie.
    """

    layout: Layout
    data: MRSData
    setup: Setup
    columns: Columns
    engine: "Engine"
    store: Store

    @property
    def names(self) -> tuple[str, ...]:
        """Basis members, then sums such as tNAA."""
        return self.columns.names

    @property
    def table(self) -> MetaboliteTable:
        """Numbers per metabolite; each array is read when it is looked at. [spectra, names]"""
        return self.columns.table()

    @cached_property
    def quality(self) -> Quality:
        """Numbers per spectrum. [spectra]"""
        return self.columns.quality()

    def map(self, name: str, quantity: str = "amplitude") -> np.ndarray:
        """A map of one metabolite, NaN where nothing was fitted. [x, y, z, *extra]

        Args:
            name: a basis member or a sum, such as `"tNAA"`.
            quantity: an array of `diffmrs.results.MetaboliteTable`: `"amplitude"`, `"sd"`, `"crlb_percent"`,
                `"ratio_tcr"`, `"concentration_mm"` and others.
        """
        values = getattr(self.table, quantity)[:, self.names.index(name)]
        return self._placed(values)

    def quality_map(self, quantity: str) -> np.ndarray:
        """A map of a quality number such as `"snr"`, NaN where nothing was fitted. [x, y, z, *extra]"""
        return self._placed(getattr(self.quality, quantity))

    def result_of(self, index: int) -> FitResult:
        """The whole fit of one spectrum, made anew; the same numbers come out.

        Args:
            index: which of the fitted spectra, counted from 0.
        """
        rows = self.layout.rows[index : index + 1]
        fids = self.engine.conditioned(rows)
        estimate = self.engine.estimates(slice(index, index + 1), fids)
        data = MRSData(jnp.asarray(fids), self.data.acquisition, header=self.data.header)
        return self.setup.result(data, estimate)

    def tables(self) -> Iterator[tuple[MetaboliteTable, Layout]]:
        """The numbers per metabolite piece by piece, and where their spectra sit."""
        for span, arrays in self.columns.pieces.each():
            rows = self.layout.rows[span]
            yield self.columns.table(arrays), Layout(self.layout.space, self.layout.extra, rows)

    def pieces_with(self, prefix: str) -> Iterator[dict[str, np.ndarray]]:
        """Arrays whose names begin so, of every piece that has some."""
        for _, arrays in self.columns.pieces.each(prefix):
            if arrays:
                yield arrays

    def _placed(self, values: np.ndarray) -> np.ndarray:
        flat = np.full(int(np.prod(self.layout.space)) * self.layout.n_extra, np.nan, np.float32)
        flat[self.layout.rows] = values
        return flat.reshape(*self.layout.space, *self.layout.extra)


class Engine:
    """Fits any rows of a volume with one compiled function, whatever their number.

    Args:
        source: the FIDs.
        setup: what the fit is told.
        chunk: spectra per call.
        mesh: devices.
        condition: what is done to FIDs before they are fitted.
    """

    def __init__(
        self, source: Source, setup: Setup, chunk: int, mesh: Mesh | None, condition: Condition | None
    ) -> None:
        self.source, self.setup, self.chunk, self.mesh, self.condition = source, setup, chunk, mesh, condition
        self.dtype = np.dtype(setup.basis.fid.dtype)
        self.which = np.zeros(0, np.int32)
        self.lockstep = _platform(mesh) != "cpu"
        self.refined: Estimate | None = None
        self._starts = _no_starts(setup)
        self._shared: Prepared | None = None

    def conditioned(self, rows: np.ndarray, fids: np.ndarray | None = None) -> np.ndarray:
        """FIDs as they are fitted. [rows, points]"""
        fids = self.source.take(rows) if fids is None else fids
        return (fids if self.condition is None else self.condition(rows, fids)).astype(self.dtype)

    def fit(self, fids: np.ndarray, which: np.ndarray | None = None) -> Estimate:
        """The fits of some FIDs, [rows, ...]; where `which` is absent, every start is searched for."""
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

    def _fit(self, fids: np.ndarray, which: np.ndarray, max_steps: int | None) -> Estimate:
        if self._shared is None:
            self._shared = prepared(self.setup, self._starts)
        missing = self.chunk - len(fids)
        fids = np.pad(fids, ((0, missing), (0, 0)))
        which = np.pad(which, (0, missing), constant_values=-1).astype(np.int32)
        found = fit_chunk(jnp.asarray(fids), jnp.asarray(which), self._shared, self.setup, self.mesh, max_steps)
        return jax.tree.map(lambda leaf: leaf[: self.chunk - missing], found) if missing else found


def fit_volume(
    data: MRSData,
    basis: Basis,
    *,
    mask: np.ndarray | None = None,
    layout: Layout | None = None,
    folder: Path | None = None,
    neighbours: bool = True,
    chunk: int | None = None,
    mesh: Mesh | None = None,
    progress: bool = False,
    condition: Condition | None = None,
    factors: Factors | None = None,
    extra: Extra | None = None,
    refine: Refine | None = None,
    identity: str = "",
    share: Share | None = None,
    tell: Tell | None = None,
    **choices: Any,
) -> VolumeFit:
    """Fit every spectrum of a volume.

    The same fits as `diffmrs.fit`, but in chunks: memory does not grow with the volume, finished chunks are kept in a
    folder, and a run that was interrupted goes on from there.

    Args:
        data: the measurement, [x, y, z, *extra, points]; its FIDs may be a memory map of a file.
        basis: the basis set; resampled to the data when needed.
        mask: voxels to fit, those above 0; all when absent. [x, y, z]
        layout: instead of a mask, which spectra to fit.
        folder: where finished chunks are kept, in a folder `.diffmrs_run`; a temporary place when absent.
        neighbours: whether fits start from those of a coarse net of voxels; if not, every start is searched for.
        chunk: spectra per compiled call; as many as suit the devices when absent.
        mesh: devices to use; all of this host unless told otherwise.
        progress: whether a bar is drawn on standard error.
        condition: what is done to FIDs before they are fitted: rows (indices into the flattened leading axes) and FIDs
            to FIDs.
        factors: concentration per unit of amplitude: rows and their data to factors.
        extra: makes further arrays of each finished chunk to keep.
        refine: what is made of the fits of all spectra together, as `diffmrs.spatial.fit_smooth` does; then all of them
            are in memory.
        identity: what `condition` and `factors` depend on; a run is only continued when it is the same.
        share: which pieces are this process's; those that `jax.distributed` says when absent. Process 0 waits for the
            others; the numbers of what they are given back are whole only when all have come to an end.
        tell: is called with a line when an earlier run is continued, or is of no use.
        choices: baseline, priors, lineshape and the other arguments of `diffmrs.fit`.

    Raises:
        InputError: data, basis, mask and choices do not go together, or the folder cannot be written.
    """
    layout = layout_of(data, mask) if layout is None else layout
    n_points = survey(data, layout.rows)
    native = np.dtype(data.fid.dtype).newbyteorder("=")
    dtype = jnp.result_type(jnp.zeros(0, native).dtype, jnp.asarray(basis.fid[:, :1]).dtype)
    sampled = resample(basis, data.acquisition, n_points)
    setup = set_up(replace(sampled, fid=jnp.asarray(sampled.fid, dtype)), **choices)
    devices = local_mesh() if mesh is None else mesh
    mine = own_share() if share is None else share
    size = _chunk(len(layout.rows), devices, mine.count) if chunk is None else chunk
    if size < 1:
        raise InputError(f"a chunk of {size} spectra; it must hold at least 1")
    engine = Engine(Source(data, n_points), setup, size, devices, condition)
    names = (*setup.basis.names, *combinations_of(setup.basis.names)[0])
    run_folder = Path(tempfile.mkdtemp(prefix="diffmrs_")) if folder is None else folder / RUN_FOLDER
    check_room(run_folder, _bytes(len(layout.rows), len(names)), "the numbers of this fit")
    plan = _plan(data, engine, layout, neighbours, identity)
    pieces = _Pieces(layout.rows, min(size, len(layout.rows)), Store(run_folder, plan, mine), len(names))
    if folder is None:
        weakref.finalize(pieces, pieces.store.remove)
    if refine is not None and mine.count > 1:
        raise InputError("spectra that are fitted together cannot be shared among several processes")
    reference = _run(engine, pieces, layout, mine, neighbours, progress, factors, extra, tell, refine)
    return VolumeFit(
        layout, data, setup, Columns(pieces, names, len(setup.basis.names), reference), engine, pieces.store
    )


def _run(
    engine: Engine,
    pieces: "_Pieces",
    layout: Layout,
    share: Share,
    neighbours: bool,
    progress: bool,
    factors: Factors | None,
    extra: Extra | None,
    tell: Tell | None,
    refine: Refine | None,
) -> str:
    """Fit what is not yet finished; the reference of the concentrations is handed back."""
    store, data = pieces.store, engine.source.data
    wanted = [k for k in range(pieces.count) if share.has(k)]
    open_ = [k for k in wanted if not pieces.done(k, extra)]
    if tell is not None:
        _tell_of_earlier(tell, store, len(wanted), len(wanted) - len(open_))
    _begin(engine, layout, neighbours, store, share)
    if refine is not None:
        engine.refine(layout.rows, refine)
    rows_of = [pieces.rows_of(k) for k in open_]
    left = sum(len(rows) for rows in rows_of)
    total = sum(len(pieces.rows_of(k)) for k in wanted)
    raw = engine.source.pieces(np.concatenate([np.zeros(0, int), *rows_of]), pieces.size)
    with tqdm(
        total=total,
        initial=total - left,
        unit=" voxels",
        desc="fitting",
        disable=None if progress else True,
        smoothing=0.1,
        leave=False,
        dynamic_ncols=True,
    ) as bar:
        for k, rows, unconditioned in zip(open_, rows_of, raw, strict=True):
            fids = engine.conditioned(rows, unconditioned)
            result = engine.setup.result(
                MRSData(jnp.asarray(fids), data.acquisition, header=data.header),
                engine.estimates(pieces.span(k), fids),
            )
            given = None if factors is None else factors(rows, result.data)
            arrays = numbers_of(result, given)
            try:
                arrays |= {} if extra is None else extra(result, pieces.span(k), store.folder)
            except OSError as error:
                told = f"{store.folder}: cannot be written ({error.strerror or error})"
                raise InputError(f"{told}; {kept_in_words(store.folder)}") from None
            reference = "" if given is None else given.reference
            store.write(k, arrays | {"reference": np.array(reference)})
            bar.update(len(rows))
    if not share.leads:
        return str(store.read(wanted[0], ["reference"])["reference"]) if wanted else ""
    awaited = [k for k in range(pieces.count) if not share.has(k)]

    def missing() -> int:
        awaited[:] = [k for k in awaited if not pieces.done(k, extra, remove=False)]
        return len(awaited)

    try:
        share.wait_until(missing, "chunks of other processes")
    except InputError as error:
        raise InputError(f"{error}; {kept_in_words(store.folder)}") from None
    return str(store.read(0, ["reference"])["reference"])


def _tell_of_earlier(tell: Tell, store: Store, wanted: int, finished: int) -> None:
    if store.changed:
        tell(f"an earlier run in {store.folder} {store.changed}; this one starts anew")
    elif finished:
        tell(f"goes on with an earlier run: {finished} of {wanted} chunks are finished")


def _begin(engine: Engine, layout: Layout, neighbours: bool, store: Store, share: Share) -> None:
    """Fit the coarse net and the mean, or read what an earlier run found."""
    template = _no_starts(engine.setup)
    if not neighbours:
        engine.start_from(template, np.zeros(len(layout.rows), np.int32))
        return
    name = "starts" if share.leads else f"starts_{share.index}"
    found = _kept_starts(store.whole("starts"), template, len(layout.rows))
    if found is None:
        places = places_mm(layout, engine.source.data.header)
        net = coarse_net(places)
        fids = engine.conditioned(layout.rows[net])
        engine.start_from(template, np.zeros(0, np.int32))
        fits = engine.fit(np.concatenate([fids, np.zeros((NET - len(fids), fids.shape[1]), fids.dtype)]))
        own = jax.tree.map(lambda leaf: leaf[: len(fids)], fits)
        mean = engine.fit(mean_of_aligned(fids, own, engine.setup.model)[None])
        found = starts_from(fits, mean, places, places[net])
        kept = {f"leaf{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(found[0]))}
        store.write(name, kept | {"which": found[1]})
    engine.start_from(*found)


def _kept_starts(arrays: dict[str, np.ndarray] | None, template: Parameters, rows: int) -> tuple | None:
    """What an earlier run found, if it is what it should be."""
    leaves, tree = jax.tree.flatten(template)
    names = [f"leaf{k}" for k in range(len(leaves))]
    if arrays is None or set(arrays) != {*names, "which"}:
        return None
    which, read = arrays["which"], [arrays[name] for name in names]
    alike = all((one.shape, one.dtype) == (leaf.shape, leaf.dtype) for one, leaf in zip(read, leaves, strict=True))
    if not alike or (which.shape, which.dtype) != ((rows,), np.int32) or not ((which >= 0) & (which <= NET)).all():
        return None
    return jax.tree.unflatten(tree, read), which


class _Pieces:
    """The rows of a volume in pieces of one size, and the numbers of the finished ones."""

    def __init__(self, rows: np.ndarray, size: int, store: Store, n_names: int) -> None:
        self.rows, self.size, self.store, self.n_names = rows, size, store, n_names

    @property
    def count(self) -> int:
        return -(-len(self.rows) // self.size)

    def span(self, k: int) -> slice:
        return slice(k * self.size, (k + 1) * self.size)

    def rows_of(self, k: int) -> np.ndarray:
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


def _no_starts(setup: Setup) -> Parameters:
    """Starts that are none. [NET + 1, ...], NaN"""
    one = parameters_for(setup.model, jnp.zeros(len(setup.model.groups), setup.basis.fid.real.dtype))
    return jax.tree.map(lambda leaf: np.full((NET + 1, *leaf.shape), np.nan, leaf.dtype), one)


def _chunk(rows: int, mesh: Mesh | None, processes: int) -> int:
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


def _plan(data: MRSData, engine: Engine, layout: Layout, neighbours: bool, identity: str) -> dict[str, Any]:
    """What makes two runs the same."""
    some = engine.source.take(layout.rows[:: max(len(layout.rows) // 256, 1)])
    return {
        "diffmrs": __version__,
        "data": digest(some, layout.rows, layout.space, layout.extra, engine.source.n_points),
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
        "precision": str(engine.dtype),
        "identity": identity,
    }


def _bytes(spectra: int, names: int) -> float:
    """Disk that a run takes, pieces and outputs."""
    numbers = spectra * (names * _NUMBERS_PER_NAME + _NUMBERS_PER_SPECTRUM)
    return 3.0 * _BYTES_PER_NUMBER * numbers + 2**20
