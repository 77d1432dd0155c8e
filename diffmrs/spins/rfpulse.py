"""The shape of a radio-frequency pulse: samples of amplitude and phase, and of the gradient played with them."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.errors import InputError
from diffmrs.pytree import container

ArrayLike = jax.Array | np.ndarray


@container(static=("name",))
@dataclass(frozen=True)
class RFPulse:
    """A radio-frequency pulse. A frozen pytree: derivatives with respect to its samples can be taken.

    Attributes:
        b1_hz: complex amplitude in each step, γB1/2π, Hz, [steps]. A pulse along x is real and positive.
        duration_s: of the whole pulse, s; all steps are equally long.
        gradient: gradient in each step relative to its nominal strength, [steps]; ones for a constant gradient.
        bandwidth_hz: full width at half maximum of its profile, Hz; 0 when not known.
        name: for messages and figures.

    Raises:
        InputError: samples and gradient do not match, or the duration is not positive.
    """

    b1_hz: ArrayLike  # [steps], complex, Hz
    duration_s: Any  # [], s
    gradient: ArrayLike  # [steps], no unit
    bandwidth_hz: Any = 0.0  # [], Hz
    name: str = "pulse"

    def __post_init__(self) -> None:
        if self.b1_hz.ndim != 1 or self.b1_hz.shape != self.gradient.shape or self.b1_hz.shape[0] < 1:
            raise InputError(
                f"{self.name} has {tuple(self.b1_hz.shape)} samples and {tuple(self.gradient.shape)} gradient "
                "samples; it must have one of each per step"
            )
        if not isinstance(self.duration_s, jax.core.Tracer) and not 0 < float(self.duration_s) < 1:
            raise InputError(f"{self.name} lasts {self.duration_s} s; it must be longer than 0 and shorter than 1 s")

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return self.b1_hz.shape[-1]

    @property
    def step_s(self) -> Any:
        """Duration of a step, s."""
        return self.duration_s / self.n_steps

    def scaled(self, factor: Any) -> "RFPulse":
        """The same pulse with its amplitude multiplied by `factor`."""
        return RFPulse(self.b1_hz * factor, self.duration_s, self.gradient, self.bandwidth_hz, self.name)

    def peak_hz(self) -> Any:
        """Largest amplitude, Hz."""
        return jnp.max(jnp.abs(self.b1_hz))
