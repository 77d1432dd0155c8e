"""The events a sequence is made of: delay, pulse, gradient, coherence filter. A sequence is a plain list of them.

    spin_echo = Sequence((Pulse(90, 90), Delay(0.015), Pulse(180), CoherenceFilter(-1), Delay(0.015)))

Every number in an event may be a JAX array, traced or not: a sequence is a pytree, and derivatives with respect to
delays, flip angles, phases and pulse samples are taken through it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.pytree import container
from diffmrs.spins.rfpulse import RFPulse

Number = float | int | np.ndarray | jax.Array


@container()
@dataclass(frozen=True)
class Delay:
    """Free precession.

    Attributes:
        duration_s: how long, s.
    """

    duration_s: Number


@container(static=("band_ppm",))
@dataclass(frozen=True)
class Pulse:
    """A pulse of no duration.

    Attributes:
        flip_deg: flip angle, degrees; multiplied by the B1 scale.
        phase_deg: phase, degrees: 0 turns about x, 90 about y.
        band_ppm: (centre, full width) of the chemical shifts it turns, ppm; all of them when None. This is the ideal
            editing pulse.
    """

    flip_deg: Number
    phase_deg: Number = 0.0
    band_ppm: tuple[float, float] | None = None


@container(static=("axis",))
@dataclass(frozen=True)
class ShapedPulse:
    """A pulse with a shape and a duration, with or without a slice-selection gradient.

    Attributes:
        shape: samples, duration and gradient; see `RFPulse`.
        phase_deg: phase added to that of the samples, degrees.
        carrier_ppm: chemical shift at the centre of the pulse, ppm.
        axis: the axis of its gradient, for example `"x"`; None for a pulse without gradient.
        gradient_hz: offset across one slice thickness, Hz: the bandwidth of the pulse. Positions are given in units
            of the nominal slice thickness, so that this is the only gradient strength there is. Its sign turns the
            chemical-shift displacement around.
    """

    shape: RFPulse
    phase_deg: Number = 0.0
    carrier_ppm: Number = 3.0
    axis: str | None = None
    gradient_hz: Number = 0.0


@container(static=("axis",))
@dataclass(frozen=True)
class Gradient:
    """A gradient between pulses, to rephase a slice or to spoil.

    Attributes:
        axis: the axis along which it acts.
        cycles: turns of order +1 coherence per slice thickness.
    """

    axis: str
    cycles: Number


@container(static=("orders",))
@dataclass(frozen=True)
class CoherenceFilter:
    """Keeps some coherence orders and removes the rest, as crusher gradients or phase cycling do.

    Attributes:
        orders: the order kept, or several of them.
    """

    orders: int | tuple[int, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """The orders kept."""
        return (self.orders,) if isinstance(self.orders, int) else tuple(self.orders)


Event = Delay | Pulse | ShapedPulse | Gradient | CoherenceFilter


@container(static=("name",))
@dataclass(frozen=True)
class Sequence:
    """Events in the order they are played, from thermal equilibrium to the first sample.

    Attributes:
        events: the events.
        gain: factor on the signal, so that an isolated proton has amplitude 1 (STEAM: 2).
        name: for messages and for the basis.

    Raises:
        InputError: something in the list is not an event.
    """

    events: Any  # tuple[Event, ...]; any iterable of events is taken
    gain: Number = 1.0
    name: str = field(default="sequence")

    def __post_init__(self) -> None:
        if not isinstance(self.events, Iterable):
            raise InputError(f"a sequence is made of a list of events, not of a {type(self.events).__name__}")
        events = tuple(self.events)
        for event in events:
            if not isinstance(event, Event):
                raise InputError(
                    f"{event!r} is not an event; a sequence is made of Delay, Pulse, ShapedPulse, Gradient and "
                    "CoherenceFilter"
                )
            if isinstance(event, Delay):
                check_delay(event.duration_s, "a delay")
        object.__setattr__(self, "events", events)

    def then(self, *events: Event) -> "Sequence":
        """This sequence with further events at its end."""
        return Sequence((*self.events, *events), self.gain, self.name)


def check_delay(value: Any, what: str) -> None:
    """Refuse a delay that is negative or not finite; a traced one is taken as it is.

    Raises:
        InputError: the delay cannot be played.
    """
    if isinstance(value, jax.core.Tracer):
        return
    seconds = np.asarray(value)
    if seconds.ndim or not np.isfinite(seconds) or seconds < -1e-12:
        raise InputError(f"{what} is {1e3 * seconds} ms; it must be one number of at least 0")
