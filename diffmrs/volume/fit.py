"""Fit a volume chunk by chunk: memory is bounded by the chunk, and what is finished lies on the disk."""

import tempfile
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from tqdm import tqdm

from diffmrs.combine import combinations_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.engine import local_mesh
from diffmrs.fitting.fit import Starter, set_up
from diffmrs.model.parameters import Parameters
from diffmrs.quantify import ConcentrationFactors
from diffmrs.resampling import resample
from diffmrs.results import Layout
from diffmrs.results.layout import layout_of
from diffmrs.volume.engine import Condition, Engine, Refine, chunk_size, no_starts
from diffmrs.volume.hosts import Share, own_share
from diffmrs.volume.numbers import Columns, numbers_of
from diffmrs.volume.pieces import Extra, Pieces, plan_of
from diffmrs.volume.places import places_mm
from diffmrs.volume.result import VolumeFit
from diffmrs.volume.source import Source, survey
from diffmrs.volume.starts import NET, coarse_net, mean_of_aligned, starts_from
from diffmrs.volume.store import Store, check_room, kept_in_words

Tell = Callable[[str], None]
Factors = Callable[[np.ndarray, MRSData], ConcentrationFactors | None]  # the same to what amplitudes mean


RUN_FOLDER = ".diffmrs_run"
_BYTES_PER_NUMBER, _NUMBERS_PER_NAME, _NUMBERS_PER_SPECTRUM = 4, 16, 80


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
    starter: Starter | None = None,
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
        starter: what tells where each fit begins and how many steps it takes, instead of neighbours and a search; what
            it is must be told in `identity`.
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
    size = chunk_size(len(layout.rows), devices, mine.count) if chunk is None else chunk
    if refine is not None and mine.count > 1:
        raise InputError("spectra that are fitted together cannot be shared among several processes")
    if size < 1:
        raise InputError(f"a chunk of {size} spectra; it must hold at least 1")
    engine = Engine(Source(data, n_points), setup, size, devices, condition, starter)
    neighbours = neighbours and starter is None
    names = (*setup.basis.names, *combinations_of(setup.basis.names)[0])
    run_folder = Path(tempfile.mkdtemp(prefix="diffmrs_")) if folder is None else folder / RUN_FOLDER
    check_room(run_folder, _bytes(len(layout.rows), len(names)), "the numbers of this fit")
    plan = plan_of(engine, layout, neighbours, refine is not None, identity)
    pieces = Pieces(layout.rows, min(size, len(layout.rows)), Store(run_folder, plan, mine), len(names))
    if folder is None:
        weakref.finalize(pieces, pieces.store.remove)
    reference = _run(engine, pieces, layout, mine, neighbours, progress, factors, extra, tell, refine)
    return VolumeFit(
        layout, data, setup, Columns(pieces, names, len(setup.basis.names), reference), engine, pieces.store
    )


def _run(
    engine: Engine,
    pieces: Pieces,
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
            arrays = numbers_of(result, given, engine.setup.bounds)
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
    template = no_starts(engine.setup)
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


def _bytes(spectra: int, names: int) -> float:
    """Disk that a run takes, pieces and outputs."""
    numbers = spectra * (names * _NUMBERS_PER_NAME + _NUMBERS_PER_SPECTRUM)
    return 3.0 * _BYTES_PER_NUMBER * numbers + 2**20
