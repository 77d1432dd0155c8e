"""Frequency, then phase, by two networks that were told the truth in training.

Each sees the middle of the spectrum: the first its magnitude, which phase does not change, the second the real part of
what is left after the first (Tapper et al. 2021, Magn Reson Med 85:1720: two perceptrons; Ma et al. 2022, Magn Reson
Med 87:1737: two convolutional networks). Shifts are positive towards lower ppm and phases those that
`diffmrs.preprocess.take_off` removes.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.losses import dropout_of
from diffmrs.learn.offset_steps import energy
from diffmrs.preprocess.registration import Offsets, angle
from diffmrs.pytree import container

OFFSETS = {"shift": 20.0, "phase": math.pi / 2}
"""What can be told, in the order of the truth of an example, and the ends of the published ranges, Hz and rad."""


@container(static=("what", "acquisition", "n_points", "share"))
@dataclass(frozen=True)
class OffsetRegression:
    """Mean absolute error of one offset: what a network is trained on that tells nothing else. It needs the truth.

    The network sees one channel: for the shift the magnitude of the spectrum, for the phase its real part, of a FID
    whose true shift was taken off; both divided by the largest magnitude among the points that it sees.

    Attributes:
        what: `"shift"` or `"phase"`.
        acquisition: sampling of the FIDs.
        n_points: samples of the FIDs, the first ones; their spectrum has as many points.
        share: of these points, around the carrier, that the network sees; half of them as published.
        unit: what an output of 1 stands for, Hz or rad; the published ranges end there when None.
    """

    what: str
    acquisition: Acquisition
    n_points: int
    share: float = 0.5
    unit: Any = None

    def __post_init__(self) -> None:
        if self.what not in OFFSETS:
            raise InputError(f"what is {self.what!r}; it must be one of {', '.join(OFFSETS)}")
        if not (0 < self.share <= 1 and round(self.share * self.n_points) >= 16):
            raise InputError(f"share is {self.share:g} of {self.n_points} points; at least 16 and at most all are seen")
        if self.unit is None:
            object.__setattr__(self, "unit", OFFSETS[self.what])

    def shape(self, n_points: int) -> tuple[tuple[int, int], int]:
        """Shape of the input (samples, channels) and number of outputs of a network for FIDs of `n_points`.

        Raises:
            InputError: the FIDs are too short.
        """
        if n_points < self.n_points:
            raise InputError(f"{self.n_points} samples are needed, but the FIDs have {n_points}")
        return (round(self.share * self.n_points), 1), 1

    def middle(self, fid: Complex[Array, " points"]) -> Complex[Array, " samples"]:
        """The points of the spectrum that count; zeros where the FID holds a sample that is no number."""
        whole = jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0)[: self.n_points]
        count = round(self.share * self.n_points)
        first = (self.n_points - count) // 2
        return spectrum_of(whole)[first : first + count]

    def see(self, fid: Complex[Array, " points"]) -> Float[Array, "samples 1"]:
        """What the network is fed."""
        seen = self.middle(fid)
        power = seen.real**2 + seen.imag**2
        largest = jnp.sqrt(jnp.maximum(jnp.max(power), jnp.finfo(power.dtype).tiny))
        part = seen.real if self.what == "phase" else jnp.sqrt(power)
        return (part / largest)[:, None]

    def offset(self, network: Any, signal: Float[Array, "batch samples 1"], *, rngs: Any = None) -> Array:
        """What a network tells, Hz or rad. [batch]"""
        return network(signal, rngs=rngs)[:, 0] * jnp.asarray(self.unit, signal.dtype)

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch, in units.

        Raises:
            InputError: the examples have no truth.
        """
        if batch.z is None:
            raise InputError("this loss needs the true shift and phase, which these examples lack")
        truth, fids = batch.z[:, list(OFFSETS).index(self.what)], batch.fid
        if self.what == "phase":
            fids = _taken_off(fids, batch.z[:, 0], self.acquisition)
        told = self.offset(network, jax.vmap(self.see)(fids), rngs=dropout_of(key))
        return jnp.mean(jnp.abs(told - truth)) / self.unit, {f"{self.what}_sd": jnp.std(told - truth)}


def estimate_in_turn(
    shift_network: Any,
    phase_network: Any,
    fids: Complex[Array, "transients points"],
    shift_loss: OffsetRegression,
    phase_loss: OffsetRegression,
) -> Offsets:
    """Shift of transients by one network and, after it was taken off, their phase by another.

    Networks know only the offsets that they were trained with, and say nothing of others.

    Args:
        shift_network: trained with `shift_loss`.
        phase_network: trained with `phase_loss`.
        fids: transients.
        shift_loss: an `OffsetRegression` of the shift.
        phase_loss: an `OffsetRegression` of the phase.

    Returns:
        Offsets against what the networks hold for unmoved. The amplitude and the likeness, 0 to 1, are against the mean
        of the transients as corrected, in the points that the second network sees; `converged` tells whether the
        numbers are finite and the FID is neither zero nor broken.

    Raises:
        InputError: the FIDs are too short, or the losses are not for shift and phase.
    """
    for loss, what in ((shift_loss, "shift"), (phase_loss, "phase")):
        if loss.what != what:
            raise InputError(f"the loss of the {what} is one of the {loss.what}")
        loss.shape(fids.shape[-1])
    graphs, states = zip(*(nnx.split(network) for network in (shift_network, phase_network)), strict=True)
    return _estimated(graphs, states, fids, (shift_loss, phase_loss))


@partial(jax.jit, static_argnames="graphs")
def _estimated(graphs: Any, states: Any, fids: Array, losses: tuple[OffsetRegression, OffsetRegression]) -> Offsets:
    networks = [nnx.merge(graph, state, copy=True) for graph, state in zip(graphs, states, strict=True)]
    shift = losses[0].offset(networks[0], jax.vmap(losses[0].see)(fids))
    without = _taken_off(fids, shift, losses[1].acquisition)
    phase = losses[1].offset(networks[1], jax.vmap(losses[1].see)(without))
    seen = jax.vmap(losses[1].middle)(without) * jnp.exp(-1j * phase)[:, None]
    usable = jnp.isfinite(shift) & jnp.isfinite(phase) & jnp.any(seen != 0, axis=1)
    mean = jnp.sum(jnp.where(usable[:, None], seen, 0), axis=0) / jnp.maximum(jnp.sum(usable), 1)

    def judge(shift: Array, phase: Array, seen: Array, usable: Array) -> Offsets:
        alike = jnp.vdot(mean, seen).real
        likeness = jnp.clip(alike / (jnp.sqrt(energy(mean)) * jnp.sqrt(energy(seen))), 0.0, 1.0)
        return Offsets(shift, angle(jnp.exp(1j * phase)), alike / energy(mean), likeness, usable)

    return jax.vmap(judge)(shift, phase, seen, usable)


def _taken_off(
    fids: Complex[Array, "batch points"], shift_hz: Float[Array, " batch"], acquisition: Acquisition
) -> Complex[Array, "batch points"]:
    time = jnp.asarray(acquisition.time_s(fids.shape[-1]), shift_hz.dtype)
    return fids * jnp.exp(-2j * jnp.pi * shift_hz[:, None] * time[None])
