"""Fits of one chunk of a volume after the other: compiled once, starts handed from fit to fit."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Complex, Int

from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.estimate import Estimate, FitTable, banded, fit_fid, fit_table
from diffmrs.fitting.fit import Setup
from diffmrs.fitting.near import Near, near_table
from diffmrs.model.parameters import Parameters
from diffmrs.priors.priors import Priors


class Prepared(NamedTuple):
    """What all chunks share."""

    table: FitTable
    near: Near | None  # fits to start from


def prepared(setup: Setup, near: Parameters | None = None) -> Prepared:
    """Make it, once per volume.

    Args:
        setup: from `diffmrs.fitting.fit.set_up`.
        near: fitted parameters that others may start from, [near, ...], NaN where there are none; every start is
            searched for without.
    """
    return _prepared(setup.basis.fid, near, setup.model, setup.bounds)


def fit_chunk(
    fids: Complex[Array, "spectra points"],
    which: Int[Array, " spectra"],
    shared: Prepared,
    setup: Setup,
    mesh: Mesh | None,
    max_steps: int | None = None,
) -> Estimate:
    """Fit the spectra of a chunk.

    Args:
        fids: the data.
        which: row of `Prepared.near` that each starts from; -1 leaves the place empty.
        shared: from `prepared`.
        setup: as there.
        mesh: devices to spread the spectra over.
        max_steps: fewer than the optimiser's, for a first round; the same compiled code serves both.
    """
    steps = jnp.asarray(setup.optimiser.max_steps if max_steps is None else max_steps, jnp.int32)
    return _fit_chunk(
        fids, which, (shared, setup.priors, steps), setup.model, setup.inflate, setup.bounds, setup.optimiser, mesh
    )


@partial(jax.jit, static_argnames=("model", "bounds"))
def _prepared(basis_fid, near, model, bounds) -> Prepared:  # type: ignore[no-untyped-def]
    table = fit_table(basis_fid, model, bounds)
    if near is None:
        return Prepared(table, None)
    return Prepared(table, near_table(near, table.basis_fid, banded(model, bounds), table.basis_scale))


@partial(jax.jit, static_argnames=("model", "inflate", "bounds", "optimiser", "mesh"))
def _fit_chunk(fids, which, common, model, inflate, bounds, optimiser, mesh) -> Estimate:  # type: ignore[no-untyped-def]
    def one(voxel: tuple[Array, Array], common: tuple[Prepared, Priors, Array]) -> Estimate:
        (fid, index), (shared, priors, steps) = voxel, common
        near = None if shared.near is None else (shared.near, index)

        def fit() -> Estimate:
            return fit_fid(
                fid,
                shared.table,
                model,
                priors,
                near=near,
                max_steps=steps,
                inflate=inflate,
                bounds=bounds,
                optimiser=optimiser,
            )

        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(fit))
        return jax.lax.cond(index >= 0, fit, lambda: nothing)

    return over_voxels(one, (fids, which), common, mesh=mesh)
