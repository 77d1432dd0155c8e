"""What the trained networks of `fit_vs_learned.py` answer, alone and with Gauss-Newton steps after them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from vs_fits import DRAWS, Answer, Estimator, in_chunks
from vs_nets import published_loss
from vs_setting import COUNT, Given

from diffmrs.fitting.engine import over_voxels
from diffmrs.learn.crlb import amplitude_bound_sd
from diffmrs.learn.examples import Example
from diffmrs.learn.mode import gauss_newton
from diffmrs.learn.strangeness import signs_of
from diffmrs.learn.uncertain import dropout_draws, mean_and_variance, mixture_moments

DROPOUT_DRAWS = 50


def signal_of(given: Given, spectra: Example) -> Array:
    """What networks are fed."""
    return jax.vmap(given.scene.see)(spectra).signal


def asked(function: Callable[[Any, Example], Any], network: Any) -> Callable[[Example], Any]:
    """A compiled function of spectra that asks a network; weights are arguments, so that seeds share a compilation."""
    graph, state = nnx.split(network)
    run = jax.jit(lambda state, spectra: function(nnx.merge(graph, state), spectra))
    return lambda spectra: run(state, spectra)


def told(network: Any, given: Given) -> Callable[[Array], tuple[Array, Array]]:
    """Amplitudes and variances of a supervised network, as a function of its input."""
    mean, sd = jnp.asarray(given.mean), jnp.asarray(given.sd)
    return lambda signal: mean_and_variance(network(signal), mean, sd)


def supervised(network: Any, given: Given) -> Estimator:
    """A network trained on the truth; with its own SD where it has a variance head."""
    run = asked(lambda network, spectra: told(network, given)(signal_of(given, spectra)), network)

    def estimate(spectra: Example) -> Answer:
        amplitude, variance = in_chunks(run, spectra)
        sd = np.sqrt(variance[:, :COUNT])
        return Answer(amplitude[:, :COUNT], sd if sd.any() else None)

    return estimate


def with_dropout(network: Any, given: Given) -> Estimator:
    """A network trained on the truth, asked with dropout left on; the draws as a Gaussian."""
    mean, sd = jnp.asarray(given.mean), jnp.asarray(given.sd)

    def chunk(network: Any, spectra: Example) -> tuple[Array, Array]:
        outputs = dropout_draws(network, signal_of(given, spectra), jax.random.key(8), DROPOUT_DRAWS)
        return mixture_moments(mean_and_variance(outputs, mean, sd)[0])

    run = asked(chunk, network)

    def estimate(spectra: Example) -> Answer:
        amplitude, variance = in_chunks(run, spectra)
        return Answer(amplitude[:, :COUNT], np.sqrt(variance[:, :COUNT]))

    return estimate


def ensemble(networks: Sequence[Any], given: Given) -> Estimator:
    """Networks with a variance head and different seeds, together."""

    def chunk(networks: Any, spectra: Example) -> tuple[Array, Array]:
        signal = signal_of(given, spectra)
        means, variances = zip(*(told(one, given)(signal) for one in networks), strict=True)
        return mixture_moments(jnp.stack(means), jnp.stack(variances))

    run = asked(chunk, nnx.List(networks))

    def estimate(spectra: Example) -> Answer:
        amplitude, variance = in_chunks(run, spectra)
        return Answer(amplitude[:, :COUNT], np.sqrt(variance[:, :COUNT]))

    return estimate


def posterior(network: Any, given: Given) -> Estimator:
    """An amortised posterior: mean and draws; its middle as coordinates of the Gaussian prior."""
    latent, gaussian = given.setting.uniform.latent, given.setting.gaussian.latent

    def chunk(network: Any, spectra: Example) -> tuple[Array, Array]:
        signal = signal_of(given, spectra)
        z, _ = network.sample(signal, jax.random.key(5), DRAWS)
        amplitude = jax.lax.map(jax.vmap(latent.parameters), z).amplitude[:, :, :COUNT]
        middle = jax.vmap(gaussian.coordinates)(jax.vmap(latent.parameters)(network(signal)))
        return amplitude.swapaxes(0, 1), middle

    run = asked(chunk, network)

    def estimate(spectra: Example) -> Answer:
        draws, middle = in_chunks(run, spectra)
        draws = draws.swapaxes(0, 1)
        return Answer(draws.mean(axis=0), samples=draws, more={"z": middle})

    return estimate


class Reconstructed(nnx.Module):
    """A network of the published kind whose answer is read as coordinates of the Gaussian prior.

    Args:
        network: gives amplitudes before softplus, shift, damping and phase.
        given: the data.
    """

    def __init__(self, network: Any, given: Given):
        self.network = network
        self.read = nnx.static(_Reader(given))

    def __call__(self, signal: Array) -> Array:
        """Coordinates."""
        return self.read(self.network(signal))


class _Reader:
    """From outputs to coordinates."""

    def __init__(self, given: Given):
        self.loss, self.latent = published_loss(given), given.setting.gaussian.latent

    def __call__(self, outputs: Array) -> Array:
        return jax.vmap(self.latent.coordinates)(jax.vmap(self.loss.parameters)(outputs))


def reconstructing(network: Any, given: Given) -> Estimator:
    """A network trained to reconstruct the spectrum, as published."""
    read, latent = _Reader(given), given.setting.gaussian.latent

    def chunk(network: Any, spectra: Example) -> tuple[Array, Array]:
        z = read(network(signal_of(given, spectra)))
        return jax.vmap(latent.parameters)(z).amplitude, z

    run = asked(chunk, network)

    def estimate(spectra: Example) -> Answer:
        amplitude, z = in_chunks(run, spectra)
        return Answer(amplitude[:, :COUNT], more={"z": z})

    return estimate


def bounds_at(given: Given, *, prior: bool) -> Callable[[np.ndarray, Example], np.ndarray]:
    """SDs by the Cramér-Rao bound at given coordinates of the Gaussian prior, all nuisances included."""
    decoder = given.setting.gaussian

    def one(voxel: Any, decoder: Any) -> Array:
        return amplitude_bound_sd(voxel[0], voxel[1], decoder, prior=prior)

    run = jax.jit(lambda spectra: over_voxels(one, (spectra.z, spectra.noise_sd), decoder))

    def sds(z: np.ndarray, spectra: Example) -> np.ndarray:
        found: np.ndarray = in_chunks(run, replace_z(spectra, z))[:, :COUNT]
        return found

    return sds


def after_steps(given: Given, steps: int) -> Callable[[np.ndarray, Example], Answer]:
    """Gauss-Newton steps with the Gaussian prior from given coordinates; signs of strangeness at the end."""
    decoder = given.setting.gaussian

    def one(voxel: Example, decoder: Any) -> Any:
        observed = decoder.observed(voxel.fid)
        mode = gauss_newton(voxel.z, observed, voxel.noise_sd, decoder, steps)
        amplitude = decoder.latent.parameters(mode.z).amplitude
        signs = signs_of(mode.z, observed, voxel.noise_sd, decoder)
        return amplitude, jnp.sqrt(jnp.diagonal(mode.covariance)), jnp.stack(signs), mode.z

    run = jax.jit(lambda spectra: over_voxels(one, spectra, decoder))

    def estimate(z: np.ndarray, spectra: Example) -> Answer:
        amplitude, sd, signs, found = in_chunks(run, replace_z(spectra, z))
        sd = sd[:, :COUNT] * given.sd_of_prior[None, :COUNT]
        return Answer(amplitude[:, :COUNT], sd, more={"signs": signs, "z": found})

    return estimate


def replace_z(spectra: Example, z: np.ndarray) -> Example:
    """Spectra with coordinates to start from."""
    return spectra._replace(z=jnp.asarray(z))


def features_of_network(network: Any, given: Given) -> Callable[[Example], np.ndarray]:
    """What an amortised posterior finds on its way."""
    run = asked(lambda network, spectra: network.read(signal_of(given, spectra))[1], network)

    def features(spectra: Example) -> np.ndarray:
        found: np.ndarray = in_chunks(run, spectra)
        return found

    return features


__all__ = ["Reconstructed", "after_steps", "bounds_at", "ensemble", "features_of_network", "posterior",
           "reconstructing", "supervised", "with_dropout"]  # fmt: skip
