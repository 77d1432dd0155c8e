"""A trained network ready for measured spectra: posteriors of the metabolites, starts for a fit, and flags."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.fit import Setup
from diffmrs.learn.examples import Example
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.protocol import Protocol
from diffmrs.learn.scene import Seen
from diffmrs.learn.strangeness import signs_of
from diffmrs.model.parameters import Parameters
from diffmrs.preprocess.registration import Offsets

_AT_ONCE = 256  # spectra per compiled call
DRAWS = 200


class Told(NamedTuple):
    """What a network says of spectra; arrays of [spectra, ...], in units of data and basis."""

    amplitude: Float[Array | np.ndarray, "draws spectra members"]  # draws of the posterior
    misfit: Float[Array | np.ndarray, " spectra"]  # mean squared residual over the noise at the middle of the posterior
    distance: Float[
        Array | np.ndarray, " spectra"
    ]  # mean squared coordinate there; about 1 in the population, more outside
    finite: Bool[Array | np.ndarray, " spectra"]  # whether the spectrum could be used


@dataclass(frozen=True)
class Quantifier:
    """A network and the protocol it was trained for.

    Attributes:
        network: the amortised posterior.
        protocol: how spectra are seen and explained.
        basis: what it was trained on, macromolecules included.
        limits: largest misfit and distance of 95 % of the examples it was trained on, both together.
        steps: trial steps of the fit that begin at the network's answer; 0 for none, None for all.
        echo_time_s: of the basis, s; None when nobody said.
    """

    network: PosteriorNetwork
    protocol: Protocol
    basis: Basis
    limits: tuple[float, float] = (np.inf, np.inf)
    steps: int | None = 2
    echo_time_s: float | None = None

    def starts(self, fids: Array, setup: Setup) -> Parameters:
        """Where fits of some FIDs begin (`diffmrs.fitting.fit.Starter`)."""
        if setup.basis.names != self.basis.names:
            raise InputError("the network was trained on other metabolites than those of the fit")
        own = self.protocol.model
        members = [setup.model.groups.index(group) for group in range(setup.model.n_groups)]
        of_shims = [setup.model.shims.index(shim) for shim in range(setup.model.n_shims)]
        groups = jnp.asarray([own.groups[member] for member in members])
        shims = jnp.asarray([own.shims[member] for member in of_shims])
        found = self.parameters(fids)
        count, real = found.amplitude.shape[0], found.amplitude.dtype
        third = setup.model.n_shims if setup.model.lineshape.asymmetric else 0
        kernel = jnp.asarray(setup.model.lineshape.kernel_hz == 0, real)
        return replace(
            found,
            lorentzian_fwhm_hz=found.lorentzian_fwhm_hz[:, groups],
            frequency_shift_hz=found.frequency_shift_hz[:, groups],
            gaussian_variance_hz2=found.gaussian_variance_hz2[:, shims],
            third_moment_hz3=jnp.zeros((count, third), real),
            lineshape=jnp.broadcast_to(kernel[None], (count, kernel.size)),
            baseline=jnp.zeros((count, len(setup.model.baseline_roughness)), real),
        )

    def parameters(self, fids: Array) -> Parameters:
        """The middle of each posterior, in the units of data and basis. [spectra, ...]"""
        parts = [_middle(self.network, self.protocol, part) for part in _parts(fids)]
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[: len(fids)], *parts)

    def tell(self, fids: Array, key: Array, draws: int = DRAWS) -> Told:
        """The posterior of the amplitudes of each spectrum, and how strange it is."""
        parts = [
            _told(self.network, self.protocol, part, jax.random.fold_in(key, k), draws)
            for k, part in enumerate(_parts(fids))
        ]
        amplitude = np.concatenate([np.asarray(part.amplitude) for part in parts], axis=1)
        rest = [np.concatenate([np.asarray(part[k]) for part in parts]) for k in range(1, len(Told._fields))]
        return Told(amplitude[:, : len(fids)], *(leaf[: len(fids)] for leaf in rest))

    def outside(self, told: Told) -> np.ndarray:
        """Which spectra are unlike those that the network was trained on. [spectra]"""
        misfit, distance = np.asarray(told.misfit), np.asarray(told.distance)
        return ~np.asarray(told.finite) | ~(misfit <= self.limits[0]) | ~(distance <= self.limits[1])

    def check(self, data: MRSData, echo_time_s: float | None = None) -> None:
        """Look at whether data are of the kind that the network was trained for.

        Raises:
            InputError: another nucleus, field, bandwidth or echo time, or too few samples.
        """
        mine, theirs = self.basis.acquisition, data.acquisition
        if mine.nucleus != theirs.nucleus:
            raise InputError(f"the network is for {mine.nucleus}, but the data are {theirs.nucleus}")
        for what, ours, found, unit, tolerance in (
            ("spectrometer frequency", mine.spectrometer_frequency_mhz, theirs.spectrometer_frequency_mhz, "MHz", 5e-3),
            ("bandwidth", mine.bandwidth_hz, theirs.bandwidth_hz, "Hz", 1e-3),
        ):
            if abs(found / ours - 1) > tolerance:
                raise InputError(
                    f"the data have a {what} of {found:g} {unit}, but the network was trained for {ours:g}; train one "
                    "for this protocol (diffmrs train --like DATA)"
                )
        if data.n_points < self.basis.n_points:
            raise InputError(
                f"the data have {data.n_points} samples, but the network was trained for {self.basis.n_points}"
            )
        if (
            None not in (echo_time_s, self.echo_time_s)
            and abs(float(echo_time_s or 0) - float(self.echo_time_s or 0)) > 1e-3
        ):
            raise InputError(
                f"the data have an echo time of {1e3 * float(echo_time_s or 0):g} ms, but the network was trained for "
                f"{1e3 * float(self.echo_time_s or 0):g} ms"
            )


def _parts(fids: Array) -> list[Array]:
    """Pieces of equal size; the last is filled up with its last spectrum."""
    size = min(_AT_ONCE, len(fids))
    pieces = [fids[k : k + size] for k in range(0, len(fids), size)]
    short = size - len(pieces[-1])
    if short:
        pieces[-1] = jnp.concatenate([pieces[-1], jnp.repeat(pieces[-1][-1:], short, axis=0)])
    return pieces


@nnx.jit
def _middle(network: PosteriorNetwork, protocol: Protocol, fids: Array) -> Parameters:
    seen, offsets, finite = _seen(protocol, fids)
    found = jax.vmap(protocol.latent.parameters)(network(seen.signal))
    return jax.vmap(_in_place)(found, seen.scale, offsets, finite)


@nnx.jit(static_argnames="draws")
def _told(network: PosteriorNetwork, protocol: Protocol, fids: Array, key: Array, draws: int) -> Told:
    seen, _, finite = _seen(protocol, fids)
    z, _ = network.sample(seen.signal, key, draws)
    amplitude = jax.vmap(jax.vmap(lambda z: protocol.latent.parameters(z).amplitude))(z) * seen.scale[None, :, None]
    amplitude = jnp.where(finite[None, :, None], amplitude, jnp.nan)
    misfit, distance = strangeness(protocol, seen, network(seen.signal))
    return Told(amplitude, misfit, distance, finite)


def strangeness(protocol: Protocol, seen: Seen, z: Array) -> tuple[Array, Array]:
    """Mean squared residual over the noise, and mean squared coordinate, of each spectrum."""
    signs = jax.vmap(signs_of, in_axes=(0, 0, 0, None))(z, seen.observed, seen.noise_sd, protocol.scene.decoder)
    return signs.misfit, signs.penalty / z.shape[-1]


def _seen(protocol: Protocol, fids: Array) -> tuple[Seen, Offsets, Array]:
    used = fids[:, : protocol.model.n_points]
    finite = jnp.all(jnp.isfinite(used), axis=1) & jnp.any(used != 0, axis=1)
    # A broken spectrum is replaced, so that nothing of it reaches the others.
    sound = jnp.where(finite[:, None], used, protocol.template[None].astype(used.dtype))
    examples, offsets = jax.lax.map(lambda fid: protocol.registered(fid), sound)
    return jax.vmap(protocol.scene.see)(Example(*examples[:2])), offsets, finite


def _in_place(found: Parameters, scale: Array, offsets: Offsets, finite: Array) -> Parameters:
    """Scaled back, and moved back to where the spectrum was."""
    placed = replace(
        found,
        amplitude=found.amplitude * scale,
        frequency_shift_hz=found.frequency_shift_hz + offsets.shift_hz,
        phase0_rad=found.phase0_rad + offsets.phase_rad,
    )
    return jax.tree.map(lambda leaf: jnp.where(finite, leaf, jnp.nan), placed)
