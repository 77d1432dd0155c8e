"""The fits of `fit_vs_learned.py`: least squares in a box, the fit with the prior, and samples of its posterior."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from vs_setting import COUNT, Given

from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.solver import LevenbergMarquardt
from diffmrs.learn.crlb import amplitude_bound_sd
from diffmrs.learn.decoder import Decoder
from diffmrs.learn.examples import Example
from diffmrs.learn.mode import find_mode

CHUNK = 200  # spectra of a call: one compilation serves sets of any size
DRAWS = 100


@dataclass(frozen=True)
class Answer:
    """What an estimator says about some spectra.

    Attributes:
        amplitude: [spectra, metabolites]
        sd: standard deviations; None where samples or nothing tell. [spectra, metabolites]
        samples: of the posterior. [draws, spectra, metabolites]
        more: other numbers. [spectra, ...]
    """

    amplitude: np.ndarray
    sd: np.ndarray | None = None
    samples: np.ndarray | None = None
    more: dict[str, np.ndarray] = field(default_factory=dict)


Estimator = Callable[[Example], Answer]


def kept(estimator: Estimator, folder: Path | None, name: str) -> Estimator:
    """The same estimator, but answers are kept in a folder, for spectra that it meets again in a later run."""
    if folder is None:
        return estimator

    def estimate(spectra: Example) -> Answer:
        known = hashlib.sha256(np.asarray(spectra.fid).tobytes()).hexdigest()[:12]
        file = folder / f"{'_'.join(re.findall('[a-z0-9]+', name.lower()))}_{known}.npz"
        if file.exists():
            with np.load(file) as stored:
                own = dict(stored)
            named = {key: own.pop(key, None) for key in ("amplitude", "sd", "samples")}
            return Answer(**named, more=own)
        answer = estimator(spectra)
        named = {key: getattr(answer, key) for key in ("amplitude", "sd", "samples")}
        np.savez(file, **{key: value for key, value in (named | answer.more).items() if value is not None})
        return answer

    return estimate


def in_chunks(run: Callable[[Example], Any], spectra: Example) -> Any:
    """Apply a compiled function to chunks of spectra; results are put together along the first axis."""
    count = spectra.noise_sd.shape[0]
    size = min(CHUNK, count)
    parts = []
    for begin in range(0, count, size):
        which = jnp.minimum(jnp.arange(begin, begin + size), count - 1)
        parts.append(jax.tree.map(np.asarray, run(jax.tree.map(lambda leaf, which=which: leaf[which], spectra))))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:count], *parts)


def box_fit(given: Given, *, ranges: bool) -> Estimator:
    """Least squares: within the ranges, or with amplitudes and width that are not negative and nothing else known."""
    decoder = given.setting.gaussian
    # In coordinates of the Gaussian the ends of a range are at ±√3.
    edge = np.sqrt(3.0)
    zero = np.asarray(decoder.latent.coordinates(_nothing(decoder)))
    kept = np.zeros(decoder.latent.size, bool)
    for name in ("amplitude", "lorentzian_fwhm_hz"):
        kept[decoder.latent.block(name)] = True
    low = jnp.full(zero.shape, -edge) if ranges else jnp.asarray(np.where(kept, zero, -np.inf))
    high = jnp.full(zero.shape, edge if ranges else np.inf)

    def one(voxel: Example, decoder: Decoder) -> Any:
        observed = decoder.observed(voxel.fid)

        def residual(z: jax.Array) -> jax.Array:
            return decoder.misfit(decoder.latent.parameters(z), observed, voxel.noise_sd)

        def linearised(z: jax.Array) -> tuple[jax.Array, jax.Array]:
            return residual(z), decoder.jacobian(z, voxel.noise_sd)[1]

        found = LevenbergMarquardt()(residual, linearised, jnp.zeros(low.shape), low, high)
        amplitude = decoder.latent.parameters(found.x).amplitude
        return amplitude, amplitude_bound_sd(found.x, voxel.noise_sd, decoder), found.status

    run = jax.jit(lambda spectra: over_voxels(one, spectra, decoder))

    def estimate(spectra: Example) -> Answer:
        amplitude, sd, status = in_chunks(run, spectra)
        return Answer(amplitude[:, :COUNT], sd[:, :COUNT], more={"status": status})

    return estimate


def map_fit(given: Given) -> Estimator:
    """The fit with the mean and variance of each range as a Gaussian prior; Laplace's approximation as its SD."""
    decoder = given.setting.gaussian
    spread = given.sd_of_prior

    def one(voxel: Example, decoder: Decoder) -> Any:
        start = jnp.zeros(decoder.latent.size)
        mode = find_mode(start, decoder.observed(voxel.fid), voxel.noise_sd, decoder)
        sd = jnp.sqrt(jnp.diagonal(mode.covariance))
        return decoder.latent.parameters(mode.z).amplitude, sd, mode.z, mode.status, mode.steps

    run = jax.jit(lambda spectra: over_voxels(one, spectra, decoder))

    def estimate(spectra: Example) -> Answer:
        amplitude, sd, z, status, steps = in_chunks(run, spectra)
        more = {"z": z, "status": status, "steps": steps}
        return Answer(amplitude[:, :COUNT], sd[:, :COUNT] * spread[None, :COUNT], more=more)

    return estimate


def laplace_on_ranges(given: Given) -> Estimator:
    """The fit in coordinates of the ranges, which cannot be left; samples of Laplace's approximation there."""
    decoder = given.setting.uniform

    def one(voxel: Any, decoder: Decoder) -> Any:
        spectrum, key = voxel
        mode = find_mode(jnp.zeros(decoder.latent.size), decoder.observed(spectrum.fid), spectrum.noise_sd, decoder)
        root = jnp.linalg.cholesky(mode.covariance)
        white = jax.random.normal(jax.random.wrap_key_data(key), (DRAWS, decoder.latent.size))
        amplitude = jax.vmap(decoder.latent.parameters)(mode.z[None] + white @ root.T).amplitude
        return amplitude[:, :COUNT], mode.status

    def chunk(spectra: Example) -> Any:
        keys = jax.random.split(jax.random.key(4), spectra.noise_sd.shape[0])
        return over_voxels(one, (spectra, jax.random.key_data(keys)), decoder)

    run = jax.jit(chunk)

    def estimate(spectra: Example) -> Answer:
        draws, status = in_chunks(run, spectra)
        draws = draws.swapaxes(0, 1)
        return Answer(draws.mean(axis=0), samples=draws, more={"status": status})

    return estimate


def sampled(given: Given, *, samples: int = 300, warmup: int = 200, chains: int = 2) -> Estimator:
    """The No-U-Turn sampler on the exact posterior with the ranges as the prior: the referee."""
    # Not above: the sampling library computes when it is imported, before the number of devices is set.
    from diffmrs.uncertainty.nuts import Box, nuts

    decoder = given.setting.uniform
    size = decoder.latent.size

    def one(voxel: Any, decoder: Decoder) -> Any:
        spectrum, bits = voxel
        observed, noise_sd = decoder.observed(spectrum.fid), spectrum.noise_sd
        mode = find_mode(jnp.zeros(size), observed, noise_sd, decoder)

        def log_density(z: jax.Array) -> jax.Array:
            rest = decoder.residual(z, observed, noise_sd)
            return -0.5 * rest @ rest

        free = jnp.full(size, jnp.inf)
        box = Box(-free, free, jnp.ones(size))
        key = jax.random.wrap_key_data(bits)
        found = nuts(log_density, mode.z, mode.covariance, box, key, n_samples=samples, n_chains=chains,
                     n_warmup=warmup)  # fmt: skip
        amplitude = jax.vmap(decoder.latent.parameters)(found.x.reshape(-1, size)).amplitude
        return amplitude[:, :COUNT], found.divergences, jnp.max(found.r_hat)

    run = jax.jit(lambda voxels: over_voxels(one, voxels, decoder))

    def estimate(spectra: Example) -> Answer:
        keys = jax.random.split(jax.random.key(6), spectra.noise_sd.shape[0])
        draws, divergences, r_hat = jax.tree.map(np.asarray, run((spectra, jax.random.key_data(keys))))
        draws = draws.swapaxes(0, 1)
        more = {"divergences": divergences, "r_hat": r_hat}
        return Answer(draws.mean(axis=0), samples=draws, more=more)

    return estimate


def _nothing(decoder: Decoder) -> Any:
    """Parameters that are all 0."""
    return jax.tree.map(jnp.zeros_like, decoder.latent.parameters(jnp.zeros(decoder.latent.size)))
