r"""Frequency and phase of single transients by a network whose decoder is a signal: no truth is needed to train it.

The encoder tells shift and phase of a FID; the decoder moves a known signal by them; the loss is what is left of the
FID (Shamaei et al. 2023, Magn Reson Med 89:1221: DeepFPC). dCrR is `CreatineLine`, dSR `ReferenceTransient`, and their
F variants compare spectra in a window only. `ProfiledTransient` is a form of our own. Shifts are positive towards lower
ppm and phases those that `diffmrs.preprocess.take_off` removes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import InputSpec, network_input
from diffmrs.learn.losses import dropout_of
from diffmrs.preprocess.registration import Offsets, angle
from diffmrs.pytree import container

CREATINE_PPM = 3.027
PUBLISHED_WINDOW_PPM = (2.5, 3.5)
_BROAD_PER_S = 500.0  # what of the FID decays faster than this, `CreatineLine` leaves out


class Moved(NamedTuple):
    """How a decoder's signal is moved."""

    shift_hz: Float[Array, "*batch"]
    phase_rad: Float[Array, "*batch"]
    amplitude: Float[Array, "*batch"]
    damping_per_s: Float[Array, "*batch"]


class OffsetDecoder(Protocol):
    """What a network's outputs mean, and the signal that they make."""

    acquisition: Any

    @property
    def n_points(self) -> int:
        """Samples that are compared, the first ones."""

    @property
    def n_outputs(self) -> int:
        """How many numbers the network has to give."""

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """What the outputs mean, and whether the amplitude is left to least squares."""

    def signal(self, moved: Moved) -> Complex[Array, " points"]:
        """The signal of a FID that is moved so."""

    def target(self, fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
        """The part of a FID that the signal is to be like."""


@container(static=("acquisition", "n_points", "ppm"))
@dataclass(frozen=True)
class CreatineLine:
    r"""One Lorentzian line, dCrR: $A\,e^{-dt}\,e^{i(2\pi(f_0+\Delta)t+\varphi)}$ with four outputs.

    It is compared with $x(t)\,(1 - e^{-500t})$: broad signals are left out, and the first sample counts nothing (the
    paper adds the strongly damped copy of the FID to the line, which is the same).

    Attributes:
        acquisition: sampling of the FIDs.
        n_points: samples compared.
        ppm: where the line is without a shift.
    """

    acquisition: Acquisition
    n_points: int = 512
    ppm: float = CREATINE_PPM

    def __post_init__(self) -> None:
        if self.n_points < 16:
            raise InputError(f"n_points is {self.n_points}; at least 16 samples are compared")

    @property
    def n_outputs(self) -> int:
        """Shift, Hz; phase, rad; amplitude in units of the FID's largest sample; damping, /s."""
        return 4

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """The outputs as they are."""
        return Moved(outputs[0], outputs[1], outputs[2], outputs[3]), False

    def signal(self, moved: Moved) -> Complex[Array, " points"]:
        """The line."""
        line_hz = float(self.acquisition.ppm_to_hz(self.ppm))
        return _wave(moved._replace(shift_hz=moved.shift_hz + line_hz), self.acquisition, self.n_points)

    def target(self, fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
        """The FID without what decays quickly."""
        time = jnp.asarray(self.acquisition.time_s(fid.shape[-1]), fid.real.dtype)
        return fid * -jnp.expm1(-_BROAD_PER_S * time)


@container(static=("acquisition",))
@dataclass(frozen=True)
class ReferenceTransient:
    r"""A transient that is moved, dSR: $r(t)\,e^{i(2\pi\Delta t+\varphi)}$ with two outputs, shift and phase.

    Attributes:
        reference: what the others are compared with, of the scale that the network sees; `reference_transient`
            chooses one as published. [points]
        acquisition: sampling of the FIDs.
    """

    reference: Any
    acquisition: Acquisition

    def __post_init__(self) -> None:
        _check_reference(self.reference)

    @property
    def n_points(self) -> int:
        """Samples that are compared."""
        return int(self.reference.shape[-1])

    @property
    def n_outputs(self) -> int:
        """Shift, Hz; phase, rad."""
        return 2

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """The outputs as they are."""
        return Moved(outputs[0], outputs[1], jnp.ones_like(outputs[0]), jnp.zeros_like(outputs[0])), False

    def signal(self, moved: Moved) -> Complex[Array, " points"]:
        """The reference, moved."""
        return self.reference * _wave(moved, self.acquisition, self.n_points)

    def target(self, fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
        """The FID as it is."""
        return fid


@container(static=("acquisition",))
@dataclass(frozen=True)
class ProfiledTransient:
    """A reference that is moved and scaled: not published.

    The amplitude is that of least squares for each FID, the phase is a direction (two outputs), so that it has no seam,
    and shifts are told in units of their spread.

    Attributes:
        reference: any scale; a template without much noise, such as that of `register_robustly`. [points]
        acquisition: sampling of the FIDs.
        unit_hz: shift that an output of 1 stands for, Hz.
    """

    reference: Any
    acquisition: Acquisition
    unit_hz: Any = 10.0

    def __post_init__(self) -> None:
        _check_reference(self.reference)

    @property
    def n_points(self) -> int:
        """Samples that are compared."""
        return int(self.reference.shape[-1])

    @property
    def n_outputs(self) -> int:
        """Shift in units, cosine and sine of the phase with any factor."""
        return 3

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """Shift and phase; the amplitude follows."""
        phase = angle(jax.lax.complex(outputs[1], outputs[2]))
        return Moved(outputs[0] * self.unit_hz, phase, jnp.ones_like(phase), jnp.zeros_like(phase)), True

    def signal(self, moved: Moved) -> Complex[Array, " points"]:
        """The reference, moved."""
        return self.reference * _wave(moved, self.acquisition, self.n_points)

    def target(self, fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
        """The FID as it is."""
        return fid


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

    def moved(self, outputs: Float[Array, " outputs"], seen: Complex[Array, " compared"]) -> Moved:
        """What outputs mean for a FID."""
        moved, free = self.decoder.moved(outputs)
        if not free:
            return moved
        signal = self.through(self.decoder.signal(moved))
        # The size of the product: a negative amplitude would be another name for a phase half a turn away.
        return moved._replace(amplitude=jnp.abs(jnp.vdot(signal, seen).real) / _energy(signal))

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch; with `z` (shift, phase, ...) in the examples, the spread of the errors as well."""
        signal, seen, _ = jax.vmap(self.see)(batch.fid)
        moved = jax.vmap(self.moved)(network(signal, rngs=dropout_of(key)), seen)
        off = jax.vmap(lambda moved: self.through(self.decoder.signal(moved)))(moved) - seen
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
        moved = jax.vmap(lambda moved, seen: _stepped(moved, seen, loss, steps))(moved, seen)

    def judge(moved: Moved, seen: Array, scale: Array) -> Offsets:
        made = loss.through(loss.decoder.signal(moved))
        size = jnp.sqrt(_energy(made)) * jnp.sqrt(_energy(seen))
        finite = jnp.isfinite(jnp.stack(moved)).all() & jnp.any(seen != 0)
        phase = angle(jnp.exp(1j * moved.phase_rad))
        likeness = jnp.clip(jnp.vdot(made, seen).real / size, 0.0, 1.0)
        return Offsets(moved.shift_hz, phase, moved.amplitude * scale, likeness, finite)

    return jax.vmap(judge)(moved, seen, scale)


def _stepped(moved: Moved, seen: Complex[Array, " compared"], loss: OffsetLoss, steps: int) -> Moved:
    """Levenberg-Marquardt; a step is refused that does not lower the squares, or leads further from the network's shift
    than one point of the spectrum of what is compared: the squares have other hills there."""
    reach_hz = 1 / (loss.decoder.n_points * loss.decoder.acquisition.dwell_time_s)

    def residual(place: Array) -> Array:
        off = loss.through(loss.decoder.signal(Moved(*place))) - seen
        return jnp.concatenate([off.real, off.imag])

    def step(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        place, cost, damping = state
        slope = jax.jacfwd(residual)(place)
        normal = slope.T @ slope
        size = jnp.sqrt(jnp.maximum(jnp.diagonal(normal), jnp.finfo(place.dtype).tiny))
        scaled = normal / (size[:, None] * size[None, :]) + damping * jnp.eye(place.size, dtype=place.dtype)
        trial = place - jnp.linalg.solve(scaled, (slope.T @ residual(place)) / size) / size
        found = jnp.sum(residual(trial) ** 2)
        better = (found < cost) & (jnp.abs(trial[0] - start[0]) < reach_hz)  # False for NaN
        return (
            jnp.where(better, trial, place),
            jnp.where(better, found, cost),
            jnp.where(better, 0.1 * damping, 10 * damping),
        )

    free = moved._replace(amplitude=jnp.ones_like(moved.amplitude))
    alone = loss.through(loss.decoder.signal(free))
    fitted = jnp.abs(jnp.vdot(alone, seen).real) / _energy(alone)
    start = jnp.stack(moved._replace(amplitude=fitted))
    first = start, jnp.sum(residual(start) ** 2), jnp.asarray(1e-3, start.dtype)
    return Moved(*jax.lax.fori_loop(0, steps, step, first)[0])


def _wave(moved: Moved, acquisition: Acquisition, n_points: int) -> Complex[Array, " points"]:
    time = jnp.asarray(acquisition.time_s(n_points), moved.shift_hz.dtype)
    turned = 2 * jnp.pi * moved.shift_hz * time + moved.phase_rad
    return moved.amplitude * jnp.exp(jax.lax.complex(-moved.damping_per_s * time, turned))


def _energy(fid: Array) -> Array:
    return jnp.maximum(jnp.sum(fid.real**2 + fid.imag**2), jnp.finfo(fid.real.dtype).tiny)


def _check_reference(reference: Any) -> None:
    shape = getattr(reference, "shape", None)
    if shape is None or len(shape) != 1 or shape[0] < 16 or not jnp.iscomplexobj(reference):
        raise InputError(f"the reference has shape {shape}; it must be one complex FID of at least 16 samples")
    if not bool(jnp.all(jnp.isfinite(reference)) & jnp.any(reference != 0)):
        raise InputError("the reference holds samples that are not finite, or nothing but zeros")
