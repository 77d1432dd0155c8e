"""Frequency and phase of single transients by a network whose decoder is a signal: no truth is needed to train it.

The encoder tells shift and phase of a FID; the decoder moves a known signal by them; the loss is what is left of the
FID (Shamaei et al. 2023, Magn Reson Med 89:1221: DeepFPC). The decoders are in `offset_decoders`; the published F
variants compare spectra in a window only.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import InputSpec, network_input
from diffmrs.learn.losses import dropout_of
from diffmrs.learn.offset_decoders import Moved
from diffmrs.learn.offset_steps import energy, fitted_amplitude, stepped
from diffmrs.preprocess.registration import Offsets, angle
from diffmrs.pytree import container

PUBLISHED_WINDOW_PPM = (2.5, 3.5)


@container(static=("spec", "window_ppm"))
@dataclass(frozen=True)
class OffsetLoss:
    """Squared error between FIDs and the decoder's signals, per sample; what a network is trained on.

    Attributes:
        decoder: what the network's outputs mean.
        spec: what the network is fed; it must scale by the FID itself when the decoder has an amplitude of its own.
        window_ppm: part of the spectra that is compared; samples of the FID, but the first, when None.
    """

    decoder: Any
    spec: InputSpec = InputSpec("fid", 512, scale="largest")
    window_ppm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.window_ppm is not None:
            self.decoder.acquisition.window(self.decoder.n_points, self.window_ppm)

    def shape(self, n_points: int) -> tuple[tuple[int, int], int]:
        """Shape of the input (samples, channels) and number of outputs of a network for FIDs of `n_points`.

        Raises:
            InputError: the FIDs are shorter than what the network is fed or what the decoder compares.
        """
        if n_points < self.decoder.n_points:
            raise InputError(f"{self.decoder.n_points} samples are compared, but the FIDs have {n_points}")
        return self.spec.shape(self.decoder.acquisition, n_points), self.decoder.n_outputs

    def see(self, fid: Complex[Array, " points"]) -> tuple[Array, Array, Array]:
        """What the network is fed, what the decoder compares, and what both were divided by."""
        fed = network_input(fid, jnp.ones((), fid.real.dtype), self.spec, self.decoder.acquisition)
        whole = jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0) / fed.scale.astype(fid.dtype)
        return fed.signal, self.through(self.decoder.target(whole[: self.decoder.n_points])), fed.scale

    def through(self, fid: Complex[Array, " points"]) -> Complex[Array, " compared"]:
        """What is compared of a FID."""
        if self.window_ppm is None:
            return fid[1:]
        window = self.decoder.acquisition.window(fid.shape[-1], self.window_ppm)
        return spectrum_of(fid)[window] / jnp.sqrt(jnp.asarray(fid.shape[-1], fid.real.dtype))

    def made(self, moved: Moved) -> Complex[Array, " compared"]:
        """What is compared of the moved signal."""
        return self.through(self.decoder.signal(moved))

    def moved(self, outputs: Float[Array, " outputs"], seen: Complex[Array, " compared"]) -> Moved:
        """What outputs mean for a FID."""
        moved, free = self.decoder.moved(outputs)
        if not free:
            return moved
        signal = self.made(moved)
        return moved._replace(amplitude=fitted_amplitude(signal, seen))

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch; with `z` (shift, phase, ...) in the examples, the spread of the errors as well."""
        signal, seen, _ = jax.vmap(self.see)(batch.fid)
        moved = jax.vmap(self.moved)(network(signal, rngs=dropout_of(key)), seen)
        off = jax.vmap(self.made)(moved) - seen
        loss = jnp.sum(off.real**2 + off.imag**2) / (off.shape[0] * self.decoder.n_points)
        if batch.z is None:
            return loss, {}
        turn = jnp.mean(jnp.exp(1j * (moved.phase_rad - batch.z[:, 1])))
        together = jnp.clip(jnp.abs(turn), 1e-6, 1.0)
        spread_deg = jnp.degrees(jnp.sqrt(jnp.maximum(-2 * jnp.log(together), 0)))
        return loss, {"shift_sd_hz": jnp.std(moved.shift_hz - batch.z[:, 0]), "phase_sd_deg": spread_deg}


def estimate_offsets(
    network: Any, fids: Complex[Array, "transients points"], loss: OffsetLoss, *, steps: int = 0
) -> Offsets:
    """Shift and phase of transients by a trained network, and if wanted after a few steps of least squares from there.

    A network knows only the offsets that it was trained with, and says nothing of others; `likeness` falls where the
    answer does not explain the FID.

    Args:
        network: trained with the loss.
        fids: transients.
        loss: that of the training.
        steps: Levenberg-Marquardt steps in shift, phase, amplitude and damping on the squares of the loss; the shift
            stays within one point of the spectrum of what the network told.

    Returns:
        Offsets against the decoder's signal. The likeness is the real correlation with the moved signal in what the
        loss compares, 0 to 1; `converged` tells whether the numbers are finite and the FID is neither zero nor broken.

    Raises:
        InputError: the FIDs are too short, or the number of steps is negative.
    """
    loss.shape(fids.shape[-1])
    if steps < 0:
        raise InputError(f"steps is {steps}; it must not be negative")
    graph, state = nnx.split(network)
    return _estimated(graph, state, fids, loss, steps)


@partial(jax.jit, static_argnames=("graph", "steps"))
def _estimated(graph: Any, state: Any, fids: Array, loss: OffsetLoss, steps: int) -> Offsets:
    signal, seen, scale = jax.vmap(loss.see)(fids)
    moved = jax.vmap(loss.moved)(nnx.merge(graph, state, copy=True)(signal), seen)
    if steps:
        reach_hz = 1 / (loss.decoder.n_points * loss.decoder.acquisition.dwell_time_s)
        step = partial(stepped, make=loss.made, steps=steps, reach_hz=reach_hz)
        moved = jax.vmap(step)(moved, seen)

    def judge(moved: Moved, seen: Array, scale: Array) -> Offsets:
        made = loss.made(moved)
        size = jnp.sqrt(energy(made)) * jnp.sqrt(energy(seen))
        finite = jnp.isfinite(jnp.stack(moved)).all() & jnp.any(seen != 0)
        phase = angle(jnp.exp(1j * moved.phase_rad))
        likeness = jnp.clip(jnp.vdot(made, seen).real / size, 0.0, 1.0)
        return Offsets(moved.shift_hz, phase, moved.amplitude * scale, likeness, finite)

    return jax.vmap(judge)(moved, seen, scale)
