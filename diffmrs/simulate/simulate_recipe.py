"""Spectra by a recipe, pushed through the model that the fit uses."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex

from diffmrs.axes import spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting.engine import over_voxels
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.signal import SignalModel, parameters_for, predict_fid
from diffmrs.simulate.artefacts import gaussian_line
from diffmrs.simulate.noise_level import noise_sd_for, spectrum_noise
from diffmrs.simulate.recipe import Range, Recipe, proton_of
from diffmrs.simulate.spectra import Simulated


def simulate_recipe(key: Array, recipe: Recipe, basis: Basis, count: int, *, physical: bool = False) -> Simulated:
    """Spectra as a publication makes them.

    Args:
        key: `jax.random` key; the same key, the same spectra.
        recipe: one of `diffmrs.simulate.RECIPES`, or one of your own.
        basis: FIDs of the metabolites at amplitude 1, sampled as the spectra shall be.
        count: how many.
        physical: take the physical form, not the published one.

    Returns:
        The FIDs and the truth, [count, ...] on every field. The members are `recipe.members(basis)`, in that order,
        each with shift and width of its own unless all have the same, then one group. A damping d is a Lorentzian width
        of d/pi. A phase of each signal is not among the parameters, which have one. `snr` is that of diffmrs.quality
        over the whole band; in the published form with noise first, `noise_sd` is that before damping.

    Raises:
        InputError: the basis lacks an ingredient, or the count is not positive.
    """
    if count < 1:
        raise InputError(f"count is {count}; at least 1 spectrum must be asked for")
    one, shared = recipe_sampler(recipe, basis, physical=physical)
    return spectra_by_recipe(jax.random.split(key, count), shared, one)


def recipe_sampler(recipe: Recipe, basis: Basis, *, physical: bool = False) -> tuple["_OneFid", Array]:
    """A function of one key and an array that makes one spectrum, for `jit` and `vmap`, and that array.

    Raises:
        InputError: the basis lacks an ingredient.
    """
    chosen = basis.select(recipe.members(basis))
    count = len(chosen.names)
    alike = not recipe.own and not any(one.damping_per_s for one in recipe.ingredients)
    groups = (0,) * count if alike else tuple(range(count))
    model = SignalModel(basis.acquisition, basis.n_points, (0, basis.n_points), groups, (0,) * count, NoBaseline())
    needs_scale = recipe.water_protons is not None or recipe.snr is None
    proton = proton_of(basis) if needs_scale else 1.0
    return _OneFid(recipe.physical() if physical else recipe, model, proton), jnp.asarray(chosen.fid)


@dataclass(frozen=True)
class _OneFid:
    """One spectrum from one key. Hashable, so that a compiled function can be kept for it."""

    recipe: Recipe
    model: SignalModel
    proton: float

    def __call__(self, key: Array, basis_fid: Complex[Array, "members points"]) -> Simulated:
        recipe, model, real = self.recipe, self.model, basis_fid.real.dtype
        members = len(model.groups)
        keys = jax.random.split(key, 7)
        each = (members,) if recipe.own else ()

        def uniform(number: int, limits: Range, shape: tuple[int, ...] = ()) -> Array:
            return jax.random.uniform(keys[number], shape, real, *limits)

        low, high = self._amplitudes(members)
        place = uniform(0, (0.0, 1.0), (members,))
        if recipe.outer:
            place = jnp.where(place < 0.5, 2 * recipe.outer * place, 1 - 2 * recipe.outer * (1 - place))
        amplitude = jnp.asarray(low, real) + jnp.asarray(high - low, real) * place
        shift, damping = uniform(1, recipe.shift_hz, each), uniform(2, recipe.damping_per_s, each)
        extra = jnp.asarray([one.damping_per_s for one in recipe.ingredients] or [0.0] * members, real)
        extra = extra[: model.n_groups]  # where all have the same, one group
        parameters = parameters_for(
            model,
            amplitude,
            lorentzian_fwhm_hz=(jnp.broadcast_to(damping, extra.shape) + extra) / np.pi,
            gaussian_fwhm_hz=uniform(3, recipe.gaussian_fwhm_hz),
            frequency_shift_hz=jnp.broadcast_to(shift, extra.shape),
        )
        time_s = jnp.asarray(model.time_s, real)
        phase = uniform(4, recipe.phase_rad, (members,) if recipe.own_phase else ())
        if recipe.own_phase:
            basis_fid, phase = basis_fid * jnp.exp(1j * phase)[:, None], jnp.zeros((), real)
        clean = predict_fid(parameters, basis_fid, model).astype(basis_fid.dtype)
        water = None if recipe.water_protons is None else self.water(parameters.gaussian_fwhm_hz[0])
        reference = clean if water is None else water
        clean = clean + water if water is not None and recipe.water_seen else clean
        if recipe.snr is None:
            noise_sd = jnp.asarray(recipe.noise_sd * self.proton, real)
        else:
            noise_sd = noise_sd_for(uniform(5, recipe.snr), reference, definition=recipe.snr_definition)
        parts = noise_sd * jax.random.normal(keys[6], (2, time_s.size), real)
        noise = jax.lax.complex(parts[0], parts[1])
        if recipe.noise_first:
            common = (2j * np.pi * shift.mean() - damping.mean()) * time_s
            fid = (clean + noise * jnp.exp(common)) * jnp.exp(1j * phase)
        else:
            fid = clean * jnp.exp(1j * phase) + noise
        in_spectrum = noise_sd * spectrum_noise(time_s.size)
        return Simulated(
            fid=fid.astype(basis_fid.dtype),
            parameters=replace(parameters, phase0_rad=phase),
            baseline=jnp.zeros_like(clean),
            snr=spectrum_of(clean).real.max() / in_spectrum,
            noise_sd=in_spectrum,
            baseline_height=jnp.zeros((), real),
            baseline_width_ppm=jnp.zeros((), real),
            baseline_causal=jnp.zeros((), bool),
        )

    def _amplitudes(self, members: int) -> tuple[np.ndarray, np.ndarray]:
        limits = [one.amplitude for one in self.recipe.ingredients] or [self.recipe.amplitude] * members
        low, high = np.array(limits, float).T
        return low, high

    def water(self, gaussian_fwhm_hz: Array) -> Array:
        """The reference line of a recipe that has one, as wide as the metabolites."""
        assert self.recipe.water_protons is not None
        time_s = jnp.asarray(self.model.time_s, gaussian_fwhm_hz.dtype)
        frequency_hz = self.model.acquisition.ppm_to_hz(self.recipe.water_ppm)
        return self.recipe.water_protons * self.proton * gaussian_line(time_s, frequency_hz, gaussian_fwhm_hz)


@partial(jax.jit, static_argnames=("one", "mesh"))
def spectra_by_recipe(keys: Array, basis_fid: Array, one: "_OneFid", mesh: Mesh | None = None) -> Simulated:
    """One spectrum for each key: what `simulate_recipe` compiles."""

    def step(bits: Array, shared: Any) -> Simulated:
        return one(jax.random.wrap_key_data(bits), shared)

    return over_voxels(step, jax.random.key_data(keys), basis_fid, mesh=mesh)
