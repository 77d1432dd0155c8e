"""Puts pulses on a time axis by the intervals between their middles, and works out the delays in between."""

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.spins.events import (
    CoherenceFilter,
    Delay,
    Event,
    Gradient,
    Number,
    Pulse,
    Sequence,
    ShapedPulse,
    check_delay,
)
from diffmrs.spins.rfpulse import RFPulse


class Timeline:
    """Collects the events of one sequence; private to the functions that build sequences."""

    def __init__(self, name: str, gain: float = 1.0) -> None:
        self._name, self._gain = name, gain
        self._events: list[Event] = []
        self._half: Number = 0.0
        self._rephase: list[Event] = []

    def pulse(self, event: Pulse | ShapedPulse, interval_s: Number, keep: int | None = None) -> None:
        """A pulse whose middle lies `interval_s` after that of the one before; then keep one coherence order."""
        half = _half_duration(event)
        if self._events:
            self._wait(interval_s - half - self._half)
        before, after = _rephasing(event)
        self._events += [*before, event, *after]
        if keep is not None:
            self._events.append(CoherenceFilter(keep))
        self._half = half

    def done(self, interval_s: Number) -> Sequence:
        """The sequence, with the first sample `interval_s` after the middle of the last pulse."""
        self._wait(interval_s - self._half)
        return Sequence(tuple(self._events), self._gain, self._name)

    def _wait(self, delay_s: Number) -> None:
        check_delay(delay_s, f"{self._name}: the time left between two pulses")
        if isinstance(delay_s, jax.Array) or delay_s != 0.0:
            self._events.append(Delay(delay_s))


def excite(
    shape: RFPulse | None, axis: str | None = None, carrier_ppm: Number = 3.0, phase_deg: float = 90.0
) -> Pulse | ShapedPulse:
    """A 90° pulse about y, or about -y with a phase of -90°; ideal or with a shape."""
    if shape is None:
        return Pulse(90.0, phase_deg)
    return _shaped(shape, phase_deg, axis, carrier_ppm)


def refocus(shape: RFPulse | None, axis: str | None = None, carrier_ppm: Number = 3.0) -> Pulse | ShapedPulse:
    """A 180° pulse about x, ideal or with a shape."""
    if shape is None:
        return Pulse(180.0, 0.0)
    return _shaped(shape, 0.0, axis, carrier_ppm)


def _shaped(shape: RFPulse, phase_deg: float, axis: str | None, carrier_ppm: Number) -> ShapedPulse:
    if axis is None:
        return ShapedPulse(shape, phase_deg, carrier_ppm)
    known = isinstance(shape.bandwidth_hz, jax.core.Tracer) or float(np.asarray(shape.bandwidth_hz)) > 0
    if not known:
        raise InputError(f"{shape.name} has no bandwidth_hz; a slice-selective pulse needs it to set its gradient")
    return ShapedPulse(shape, phase_deg, carrier_ppm, axis, shape.bandwidth_hz)


def _half_duration(event: Pulse | ShapedPulse) -> Number:
    return event.shape.duration_s / 2 if isinstance(event, ShapedPulse) else 0.0


def _rephasing(event: Pulse | ShapedPulse) -> tuple[list[Event], list[Event]]:
    """Gradients that undo half of the slice gradient before and after a 90° pulse."""
    if not isinstance(event, ShapedPulse) or event.axis is None or abs(event.phase_deg) != 90.0:
        return [], []
    half = Gradient(event.axis, -event.gradient_hz * event.shape.duration_s / 2)
    return [half], [half]
