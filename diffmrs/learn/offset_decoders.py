"""Known signals that are moved by shift and phase: what the outputs of a registering network mean.

dCrR of Shamaei et al. 2023 (Magn Reson Med 89:1221: DeepFPC) is `CreatineLine`, dSR `ReferenceTransient`;
`ProfiledTransient` is a form of our own. Shifts are positive towards lower ppm and phases those that
`diffmrs.preprocess.take_off` removes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.preprocess.registration import angle
from diffmrs.pytree import container

CREATINE_PPM = 3.027
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


@dataclass(frozen=True)
class _MovedTransient:
    """A reference that is moved.

    Attributes:
        reference: what others are compared with. [points]
        acquisition: sampling of the FIDs.
    """

    reference: Any
    acquisition: Acquisition

    def __post_init__(self) -> None:
        shape = getattr(self.reference, "shape", None)
        if shape is None or len(shape) != 1 or shape[0] < 16 or not jnp.iscomplexobj(self.reference):
            raise InputError(f"the reference has shape {shape}; it must be one complex FID of at least 16 samples")
        if not bool(jnp.all(jnp.isfinite(self.reference)) & jnp.any(self.reference != 0)):
            raise InputError("the reference holds samples that are not finite, or nothing but zeros")

    @property
    def n_points(self) -> int:
        """Samples that are compared."""
        return int(self.reference.shape[-1])

    def signal(self, moved: Moved) -> Complex[Array, " points"]:
        """The reference, moved."""
        return self.reference * _wave(moved, self.acquisition, self.n_points)

    def target(self, fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
        """The FID as it is."""
        return fid


@container(static=("acquisition",))
@dataclass(frozen=True)
class ReferenceTransient(_MovedTransient):
    r"""A transient that is moved, dSR: $r(t)\,e^{i(2\pi\Delta t+\varphi)}$ with two outputs, shift and phase.

    Attributes:
        reference: what the others are compared with, of the scale that the network sees; `reference_transient`
            chooses one as published. [points]
        acquisition: sampling of the FIDs.
    """

    @property
    def n_outputs(self) -> int:
        """Shift, Hz; phase, rad."""
        return 2

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """The outputs as they are."""
        return Moved(outputs[0], outputs[1], jnp.ones_like(outputs[0]), jnp.zeros_like(outputs[0])), False


@container(static=("acquisition",))
@dataclass(frozen=True)
class ProfiledTransient(_MovedTransient):
    """A reference that is moved and scaled: not published.

    The amplitude is that of least squares for each FID, the phase is a direction (two outputs), so that it has no seam,
    and shifts are told in units of their spread.

    Attributes:
        reference: any scale; a template without much noise, such as that of `register_robustly`. [points]
        acquisition: sampling of the FIDs.
        unit_hz: shift that an output of 1 stands for, Hz.
    """

    unit_hz: Any = 10.0

    @property
    def n_outputs(self) -> int:
        """Shift in units, cosine and sine of the phase with any factor."""
        return 3

    def moved(self, outputs: Float[Array, " outputs"]) -> tuple[Moved, bool]:
        """Shift and phase; the amplitude follows."""
        phase = angle(jax.lax.complex(outputs[1], outputs[2]))
        return Moved(outputs[0] * self.unit_hz, phase, jnp.ones_like(phase), jnp.zeros_like(phase)), True


def _wave(moved: Moved, acquisition: Acquisition, n_points: int) -> Complex[Array, " points"]:
    time = jnp.asarray(acquisition.time_s(n_points), moved.shift_hz.dtype)
    turned = 2 * jnp.pi * moved.shift_hz * time + moved.phase_rad
    return moved.amplitude * jnp.exp(jax.lax.complex(-moved.damping_per_s * time, turned))
