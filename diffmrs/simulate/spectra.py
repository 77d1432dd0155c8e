"""Synthetic spectra: parameters drawn from a population, pushed through the signal model, with baseline and noise."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Complex

from diffmrs.axes import fid_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.engine import over_voxels
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict, predict_fid
from diffmrs.pytree import container
from diffmrs.simulate.artefacts import Artefacts, Spoiling, draw_spoiling, spoil
from diffmrs.simulate.baseline import RandomBaseline, draw_baseline
from diffmrs.simulate.distributions import Distribution
from diffmrs.simulate.noise_level import check_definition, noise_sd_for, spectrum_noise
from diffmrs.simulate.population import Population, draw_parameters


@container()
@dataclass(frozen=True)
class Simulated:
    """Synthetic FIDs and the truth about them; the same leading axes on every field.

    Attributes:
        fid: with baseline and noise. [..., points]
        parameters: of the metabolites.
        baseline: spectrum of the baseline over the whole band, as `diffmrs.axes.spectrum_of` gives it. [..., points]
        snr: tallest point of the metabolites (real part, phased) in the window over `noise_sd`. [...]
        noise_sd: standard deviation of the noise in the real part of the spectrum. [...]
        baseline_height: root mean square of the baseline in the window over the tallest point. [...]
        baseline_width_ppm: width of the features of the baseline, ppm. [...]
        baseline_causal: whether its real and imaginary part belong together. [...]
        spoiling: artefacts; None where none were asked for.
    """

    fid: jax.Array
    parameters: Parameters
    baseline: jax.Array
    snr: jax.Array
    noise_sd: jax.Array
    baseline_height: jax.Array
    baseline_width_ppm: jax.Array
    baseline_causal: jax.Array
    spoiling: Spoiling | None = None

    def data(self, basis: Basis) -> MRSData:
        """The FIDs as a measurement sampled like `basis`."""
        return MRSData(self.fid, basis.acquisition)


def simulate_fid(
    key: Array,
    population: Population,
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
    *,
    snr: Distribution,
    snr_definition: str = "peak",
    baseline: RandomBaseline | None = None,
    artefacts: Artefacts | None = None,
) -> Simulated:
    """One synthetic FID. A pure function for `jit` and `vmap`.

    Args:
        key: `jax.random` key.
        population: where the parameters are drawn from.
        basis_fid: FID of each basis member, sampled as `model.acquisition` says.
        model: the fixed part; its own baseline is not used.
        snr: signal-to-noise ratio of the metabolites; by default as in `diffmrs.quality.DEFINITIONS`.
        snr_definition: its definition, a name in `diffmrs.simulate.SNR_DEFINITIONS`.
        baseline: smooth signal that the basis does not hold; none when absent.
        artefacts: what spoils metabolites and baseline before noise is added; none when absent.
    """
    key_parameters, key_rest = jax.random.split(key)
    return simulate_around(
        key_rest,
        draw_parameters(key_parameters, population, replace(model, baseline=NoBaseline())),
        basis_fid,
        model,
        snr=snr,
        snr_definition=snr_definition,
        baseline=baseline,
        artefacts=artefacts,
    )


def simulate_around(
    key: Array,
    parameters: Parameters,
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
    *,
    snr: Distribution,
    snr_definition: str = "peak",
    baseline: RandomBaseline | None = None,
    artefacts: Artefacts | None = None,
) -> Simulated:
    """One synthetic FID with given parameters; the rest is drawn as `simulate_fid` does, arguments as there."""
    key_noise, key_snr, key_baseline, key_height, key_width, key_causal = jax.random.split(key, 6)
    bare = replace(model, baseline=NoBaseline())
    parameters = replace(parameters, baseline=parameters.baseline[:0])
    upright = replace(parameters, phase0_rad=0 * parameters.phase0_rad)
    clean = predict_fid(upright, basis_fid, bare)
    height = model.window_of(clean).real.max()

    spectrum = predict(parameters, basis_fid, replace(bare, window=(0, model.n_points)))
    extra, over, width, causal = _no_baseline(spectrum)
    if baseline is not None:
        width, over = baseline.width_ppm.draw(key_width, ()), baseline.height.draw(key_height, ())
        causal = jax.random.bernoulli(key_causal, baseline.causal)
        extra = over * height * draw_baseline(key_baseline, width, causal, model).astype(spectrum.dtype)
    drawn = snr.draw(key_snr, ())
    noise_sd = height / drawn
    if snr_definition != "peak":
        of_sample = noise_sd_for(drawn, clean, definition=snr_definition, window=model.window)
        noise_sd = of_sample * spectrum_noise(model.n_points)
    parts = jax.random.normal(key_noise, (2, model.n_points), spectrum.real.dtype) * noise_sd
    noise = jax.lax.complex(parts[0], parts[1])
    if artefacts is None:
        spoiling, fid = None, fid_of(spectrum + extra + noise)
    else:
        spoiling = draw_spoiling(jax.random.fold_in(key, 6), artefacts)
        spoilt = spoil(fid_of(spectrum + extra), spoiling, model.acquisition, jnp.abs(clean).max())
        fid = spoilt + fid_of(noise)
    return Simulated(
        fid=fid,
        parameters=parameters,
        baseline=extra,
        snr=height / noise_sd,
        noise_sd=noise_sd,
        baseline_height=over,
        baseline_width_ppm=width,
        baseline_causal=causal,
        spoiling=spoiling,
    )


def simulate_spectra(
    key: Array,
    population: Population,
    basis: Basis,
    model: SignalModel,
    count: int,
    *,
    snr: Distribution,
    snr_definition: str = "peak",
    baseline: RandomBaseline | None = None,
    artefacts: Artefacts | None = None,
) -> Simulated:
    """Many synthetic FIDs, each with parameters, baseline and noise of its own.

    Args:
        key: `jax.random` key; the same key, the same spectra.
        population: where the parameters are drawn from.
        basis: what they are made of.
        model: the fixed part, from `diffmrs.model.model_for` with this basis.
        count: how many.
        snr: signal-to-noise ratio of the metabolites; by default as in `diffmrs.quality.DEFINITIONS`.
        snr_definition: its definition, a name in `diffmrs.simulate.SNR_DEFINITIONS`.
        baseline: smooth signal that the basis does not hold; none when absent.
        artefacts: what spoils metabolites and baseline before noise is added; none when absent.

    Returns:
        The FIDs and the truth, [count, ...] on every field.

    Raises:
        InputError: the count is not positive, or the basis is not the one of the model.
    """
    if count < 1:
        raise InputError(f"count is {count}; at least 1 spectrum must be asked for")
    if len(basis.names) != len(model.groups) or basis.n_points != model.n_points:
        raise InputError(
            f"the basis has {len(basis.names)} members of {basis.n_points} points, but the model is for "
            f"{len(model.groups)} of {model.n_points}"
        )
    check_definition(snr_definition)
    keys = jax.random.split(key, count)
    return spectra_of_population(
        keys, population, jnp.asarray(basis.fid), model, snr, baseline, artefacts, snr_definition
    )


@partial(jax.jit, static_argnames=("model", "snr_definition", "mesh"))
def spectra_of_population(
    keys: Array,
    population: Population,
    basis_fid: Array,
    model: SignalModel,
    snr: Distribution,
    baseline: RandomBaseline | None,
    artefacts: Artefacts | None,
    snr_definition: str,
    mesh: Mesh | None = None,
) -> Simulated:
    """One spectrum for each key: what `simulate_spectra` compiles."""

    def one(bits: Array, shared: Any) -> Simulated:
        population, basis_fid, snr, baseline, artefacts = shared
        return simulate_fid(
            jax.random.wrap_key_data(bits),
            population,
            basis_fid,
            model,
            snr=snr,
            snr_definition=snr_definition,
            baseline=baseline,
            artefacts=artefacts,
        )

    # As bits: `jax.lax.map` cannot cut an array of keys into whole chunks.
    return over_voxels(one, jax.random.key_data(keys), (population, basis_fid, snr, baseline, artefacts), mesh=mesh)


def _no_baseline(spectrum: Array) -> tuple[Array, Array, Array, Array]:
    zero = jnp.zeros((), spectrum.real.dtype)
    return jnp.zeros_like(spectrum), zero, zero, jnp.zeros((), bool)
