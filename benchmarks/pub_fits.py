"""The fits of `published.py`: the recipe's own model, with the means and variances of its ranges as the prior.

Coordinates z count standard deviations from the middle of each range. Least squares and MAP are kept within the ranges.
A fit begins with a noise that is assumed larger than it is, so that the prior leads it, and lowers it step by step; of
several starts the one with the least cost is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import Basis
from diffmrs.fitting.solver import LevenbergMarquardt
from diffmrs.pytree import container
from diffmrs.simulate import Recipe
from diffmrs.simulate.simulate_recipe import recipe_sampler

EDGE = np.sqrt(3.0)  # of a range, in its standard deviations
_GAUSS = np.pi**2 / (4 * np.log(2))


@container(static=("acquisition", "window", "own", "sizes"))
@dataclass(frozen=True)
class RecipeModel:
    """A recipe as a function of coordinates, and its derivative; make it with `model_of`."""

    basis_fid: jax.Array
    water: jax.Array
    extra_per_s: jax.Array
    mean: jax.Array
    sd: jax.Array
    acquisition: Acquisition
    window: tuple[int, int]
    own: bool
    sizes: tuple[int, int, int, int, int]  # amplitudes, shifts, dampings, Gaussian width, phases

    def linearised(self, z: Any) -> tuple[Any, Any]:
        """Spectrum in the window, and its derivative. [window], [window, coordinates]"""
        count = self.basis_fid.shape[0]
        x = self.mean + self.sd * z
        amplitude, shift, damping, width, phase = jnp.split(x, np.cumsum(self.sizes)[:-1])
        shift = shift if shift.size else jnp.zeros(1)
        damping = damping if damping.size else jnp.zeros(1)
        gauss = width[0] if width.size else jnp.zeros(())
        turn = jnp.exp(1j * (phase if phase.size else jnp.zeros(1)))[:, None]
        t = jnp.arange(self.basis_fid.shape[1]) * self.acquisition.dwell_time_s
        rate = 2j * jnp.pi * shift[:, None] - damping[:, None] - self.extra_per_s[:, None]
        members = self.basis_fid * jnp.exp(rate * t[None] - _GAUSS * gauss**2 * t**2) * turn
        moved = amplitude[:, None] * t[None] * members
        water = self.water * jnp.exp(-_GAUSS * gauss**2 * t**2) * turn[0]
        whole = jnp.sum(amplitude[:, None] * members, axis=0) + water
        see = lambda fid: spectrum_of(fid)[slice(*self.window)]  # noqa: E731
        spectrum, columns = see(whole), [jax.vmap(see)(members)]
        of_time = jax.vmap(see)(moved if self.sizes[1] == count else jnp.sum(moved, axis=0, keepdims=True))
        columns += [2j * jnp.pi * of_time] if self.sizes[1] else []
        columns += [-of_time] if self.sizes[2] else []
        columns += [see(-2 * _GAUSS * gauss * t**2 * whole)[None]] if self.sizes[3] else []
        columns += [1j * (spectrum[None] if self.sizes[4] == 1 else amplitude[:, None] * columns[0])] * bool(
            self.sizes[4]
        )
        return spectrum, (jnp.concatenate(columns) * self.sd[:, None]).T


def model_of(recipe: Recipe, basis: Basis, window_ppm: tuple[float, float] | None, *, physical: bool = False) -> Any:
    """The model of a recipe; a range without width holds its value."""
    made = recipe.physical() if physical else recipe
    sampler, basis_fid = recipe_sampler(recipe, basis, physical=physical)
    count = basis_fid.shape[0]
    amplitude = [one.amplitude for one in made.ingredients] or [made.amplitude] * count
    each = count if made.own else 1
    limits, sizes = list(amplitude), [count]
    for found, number in ((made.shift_hz, each), (made.damping_per_s, each), (made.gaussian_fwhm_hz, 1),
                          (made.phase_rad, count if made.own_phase else 1)):  # fmt: skip
        varies = found[1] > found[0]
        limits += [found] * number if varies else []
        sizes.append(number if varies else 0)
    low, high = np.array(limits, np.float32).T
    acquisition = basis.acquisition
    water = jnp.zeros(basis.n_points, basis_fid.dtype)
    if recipe.water_protons is not None:
        water = sampler.water(jnp.zeros(())).astype(basis_fid.dtype)
    extra = jnp.asarray([one.damping_per_s for one in made.ingredients] or [0.0] * count, jnp.float32)
    window = slice(0, basis.n_points) if window_ppm is None else acquisition.window(basis.n_points, window_ppm)
    sd = jnp.maximum(jnp.asarray(high - low), 1e-6) / np.sqrt(12)
    return RecipeModel(
        basis_fid, water, extra, jnp.asarray((low + high) / 2), sd, acquisition, (window.start, window.stop), made.own,
        tuple(sizes),
    )  # fmt: skip


def fitted(start: Any, data: Any, noise_sd: Any, model: RecipeModel, *, prior: float, steps: int) -> Any:
    """Coordinates within the ranges after a fit from a start, its cost, and the squared misfit over the noise."""
    size = model.mean.size

    def linearised(z: Any) -> Any:
        spectrum, slope = model.linearised(z)
        off, slope = (spectrum - data) / noise_sd, slope / noise_sd
        rows = jnp.concatenate([off.real, off.imag, prior * z])
        return rows, jnp.concatenate([slope.real, slope.imag, prior * jnp.eye(size)])

    edge = jnp.full(size, EDGE, start.dtype)
    found = LevenbergMarquardt(max_steps=steps)(lambda z: linearised(z)[0], linearised, start, -edge, edge)
    rows = linearised(found.x)[0]
    return found.x, rows @ rows, rows[:-size] @ rows[:-size]


def amplitudes_of(model: RecipeModel, z: Any) -> Any:
    """Amplitudes of coordinates."""
    count = model.sizes[0]
    return model.mean[:count] + model.sd[:count] * z[..., :count]


def best_fit(
    model: RecipeModel, *, prior: float = 1.0, starts: int = 1, levels: tuple[float, ...] = (1.0,), steps: int = 30
) -> Callable[[Any, Any, Any], Any]:
    """A compiled fit of many FIDs: (fids, noise of the spectra, key) to amplitudes and squared misfits over the noise.

    Args:
        model: of the recipe.
        prior: weight of the prior; 0 leaves only the ranges.
        starts: the middle, then draws of the prior.
        levels: the noise that is assumed, over the true one, one after another.
        steps: most trial steps at each level.
    """
    size = model.mean.size

    def one(fid: Any, noise_sd: Any, bits: Any, model: RecipeModel) -> Any:
        data = spectrum_of(fid)[slice(*model.window)]

        def from_start(z: Any) -> Any:
            for level in levels:
                z, cost, misfit = fitted(z, data, noise_sd * level, model, prior=prior, steps=steps)
            return z, cost, misfit

        key = jax.random.wrap_key_data(bits)
        drawn = jax.random.uniform(key, (starts, size), minval=-EDGE, maxval=EDGE).at[0].set(0.0)
        z, cost, misfit = jax.lax.map(from_start, drawn)
        best = jnp.argmin(jnp.where(jnp.isfinite(cost), cost, jnp.inf))
        return amplitudes_of(model, z[best]), misfit[best], z[best]

    @jax.jit
    def run(fids: Any, noise_sd: Any, bits: Any, model: RecipeModel) -> Any:
        return jax.lax.map(lambda voxel: one(*voxel, model), (fids, noise_sd, bits))

    def fit(fids: Any, noise_sd: Any, key: Any) -> Any:
        bits = jax.random.key_data(jax.random.split(key, len(fids)))
        return jax.tree.map(np.asarray, run(jnp.asarray(fids), jnp.asarray(noise_sd), bits, model))

    return fit


def posterior_sd(model: RecipeModel, z: Any, noise_sd: Any) -> tuple[np.ndarray, np.ndarray]:
    """SD of amplitudes at coordinates: the Cramér-Rao bound, and with the prior. [spectra, members] each"""

    @jax.jit
    def both(z: Any, noise_sd: Any, model: RecipeModel) -> Any:
        slope = model.linearised(z)[1] / noise_sd
        information = slope.real.T @ slope.real + slope.imag.T @ slope.imag
        count = model.sizes[0]
        scale = 1 / jnp.sqrt(jnp.diag(information) + 1e-12)
        scaled = information * scale[:, None] * scale[None, :]
        bound = jnp.diag(jnp.linalg.inv(scaled + 1e-6 * jnp.eye(z.size))) * scale**2
        with_prior = jnp.diag(jnp.linalg.inv(information + jnp.eye(z.size)))
        return jnp.sqrt(bound[:count]) * model.sd[:count], jnp.sqrt(with_prior[:count]) * model.sd[:count]

    found = [both(jnp.asarray(one), jnp.asarray(noise), model) for one, noise in zip(z, noise_sd, strict=True)]
    return np.array([one[0] for one in found]), np.array([one[1] for one in found])


def coordinates(model: RecipeModel, parameters: Any) -> np.ndarray:
    """The true coordinates of simulated spectra. [spectra, coordinates]"""
    width = np.sqrt(np.asarray(parameters.gaussian_variance_hz2))
    blocks = (parameters.amplitude, parameters.frequency_shift_hz, parameters.lorentzian_fwhm_hz * np.pi, width,
              np.asarray(parameters.phase0_rad)[:, None])  # fmt: skip
    x = np.concatenate([np.asarray(one)[:, :size] for one, size in zip(blocks, model.sizes, strict=True)], axis=1)
    return (x - np.asarray(model.mean)) / np.asarray(model.sd)
