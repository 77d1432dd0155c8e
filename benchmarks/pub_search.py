"""A search for the least misfit where every signal has a shift and a damping of its own: starts for the fit.

One signal after another is put where, with the amplitudes of all others free, it explains most (variable projection on
a grid of shift and damping); then all coordinates are fitted, phases among them; and so on, from several starts.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pub_fits import EDGE, RecipeModel, amplitudes_of, fitted

from diffmrs.axes import spectrum_of

_RIDGE = 1e-4  # of the squared norm of a signal


def grid_of(model: RecipeModel, shifts: int = 41, dampings: int = 9) -> tuple[jax.Array, jax.Array]:
    """Signals of every member on a grid, and its coordinates. [members, grid, 2 window], [grid, 2]"""
    edge = np.float32(EDGE)
    places = jnp.stack(
        jnp.meshgrid(jnp.linspace(-edge, edge, shifts), jnp.linspace(-edge, edge, dampings), indexing="ij"), axis=-1
    ).reshape(-1, 2)
    count = model.sizes[0]

    @jax.jit
    def of_member(member: Any) -> Any:
        return jax.lax.map(lambda place: signal(model, member, place), places)

    return jnp.stack([of_member(member) for member in range(count)]), places


def turned(rows: Any, phase_rad: Any) -> Any:
    """Signals with another phase; real parts, then imaginary parts. [..., 2 window], [...]"""
    real, imaginary = jnp.split(rows, 2, axis=-1)
    cos, sin = jnp.cos(phase_rad)[..., None], jnp.sin(phase_rad)[..., None]
    return jnp.concatenate([cos * real - sin * imaginary, sin * real + cos * imaginary], axis=-1)


def signal(model: RecipeModel, member: Any, place: Any) -> Any:
    """One member at amplitude 1 with the coordinates of its shift and damping; real parts, then imaginary parts."""
    count = model.sizes[0]
    x = model.mean[count : 3 * count] + model.sd[count : 3 * count] * jnp.repeat(place, count)
    t = jnp.arange(model.basis_fid.shape[1]) * model.acquisition.dwell_time_s
    fid = model.basis_fid[member] * jnp.exp((2j * jnp.pi * x[member] - x[count + member]) * t)
    seen = spectrum_of(fid)[slice(*model.window)]
    return jnp.concatenate([seen.real, seen.imag])


@partial(jax.jit, static_argnames=("starts", "rounds", "prior"))
def search(
    fid: Any, noise_sd: Any, bits: Any, model: RecipeModel, grid: Any, places: Any, *, starts: int, rounds: int,
    prior: float,
) -> tuple[Any, Any]:  # fmt: skip
    """Coordinates with the least cost of one FID, and that cost.

    Args:
        fid: of the recipe.
        noise_sd: of the real part of the spectrum; for FIDs without noise a small number.
        bits: data of a key.
        model: of the recipe.
        grid: from `grid_of`.
        places: from `grid_of`.
        starts: the middle, then random ones.
        rounds: of searches, each followed by a fit.
        prior: weight of the prior in the fit.
    """
    count = model.sizes[0]
    data = spectrum_of(fid)[slice(*model.window)]
    y = jnp.concatenate([data.real, data.imag])
    norm = jnp.sum(grid[:, grid.shape[1] // 2] ** 2, axis=1)

    def phases(z: Any) -> Any:
        """Of every member; the phase that was told last leads where the next signals are put."""
        own = model.mean[3 * count :] + model.sd[3 * count :] * z
        return jnp.broadcast_to(own, (count,)) if z.size else jnp.zeros(count)

    def placed(place: Any, phase: Any) -> Any:
        return turned(jax.vmap(lambda member, one: signal(model, member, one))(jnp.arange(count), place), phase)

    def replace_one(state: Any, member: Any) -> tuple[Any, None]:
        place, atoms, phase = state
        others = atoms.at[member].set(0)
        gram = others @ others.T + jnp.diag(_RIDGE * norm + jnp.where(jnp.arange(count) == member, 1.0, 0.0))
        candidates = jnp.concatenate([turned(grid[member], phase[member][None]), atoms[member][None]])
        left = jnp.linalg.solve(gram, jnp.concatenate([(others @ y)[:, None], others @ candidates.T], axis=1))
        along = candidates @ y - candidates @ (others.T @ left[:, 0])
        across = jnp.sum(candidates**2, axis=1) - jnp.sum((others @ candidates.T) * left[:, 1:], axis=0)
        gained = jnp.where(along > 0, along, 0) ** 2 / (across + _RIDGE * norm[member])
        best = jnp.argmax(gained)
        where = jnp.concatenate([places, place[member][None]])[best]
        return (place.at[member].set(where), atoms.at[member].set(candidates[best]), phase), None

    def one_round(state: Any, key: Any) -> tuple[Any, None]:
        best, cost, place, turn = state
        order = jax.random.permutation(key, count)
        begin = place, placed(place, phases(turn)), phases(turn)
        (place, atoms, _), _ = jax.lax.scan(replace_one, begin, jnp.concatenate([order, order]))
        gram = atoms @ atoms.T + jnp.diag(_RIDGE * norm)
        amplitude = (jnp.linalg.solve(gram, atoms @ y) - model.mean[:count]) / model.sd[:count]
        start = jnp.clip(jnp.concatenate([amplitude, place[:, 0], place[:, 1], turn]), -EDGE, EDGE)
        z, found, _ = fitted(start, data, noise_sd, model, prior=prior, steps=40)
        better = found < cost
        place = jnp.stack([z[count : 2 * count], z[2 * count : 3 * count]], axis=1)
        return (jnp.where(better, z, best), jnp.where(better, found, cost), place, z[3 * count :]), None

    def from_start(key: Any) -> Any:
        place = jax.random.uniform(jax.random.fold_in(key, 0), (count, 2), minval=-EDGE, maxval=EDGE)
        size = model.mean.size
        begin = (jnp.zeros(size), jnp.asarray(jnp.inf, y.dtype), place, jnp.zeros(size - 3 * count))
        (best, cost, *_), _ = jax.lax.scan(one_round, begin, jax.random.split(key, rounds))
        return best, cost

    z, cost = jax.lax.map(from_start, jax.random.split(jax.random.wrap_key_data(bits), starts))
    return z[jnp.argmin(cost)], jnp.min(cost)


def searched(model: RecipeModel, fids: Any, noise_sd: Any, *, starts: int, rounds: int) -> Any:
    """Amplitudes and costs of many FIDs by `search`, with the prior."""
    grid, places = grid_of(model)
    amplitude, costs = [], []
    for number, (fid, noise) in enumerate(zip(fids, noise_sd, strict=True)):
        bits = jax.random.key_data(jax.random.key(number))
        z, cost = search(
            jnp.asarray(fid), jnp.asarray(noise), bits, model, grid, places, starts=starts, rounds=rounds, prior=1.0
        )
        amplitude.append(np.asarray(amplitudes_of(model, z)))
        costs.append(float(cost))
    return np.stack(amplitude), np.array(costs)
