r"""The localisation sequences of spectroscopy as lists of events.

Pulses are ideal unless a shape is given. Crusher gradients and phase cycles appear as the coherence orders they select.
All echo times run from the middle of the excitation pulse to the first sample. Phases are chosen so that an isolated
proton gives +1 at the first sample.

Coherence orders after each pulse: spin echo +1, -1 after an excitation that leaves both; PRESS +1, -1; STEAM +1, 0, -1;
sLASER +1, -1, +1, -1; SPECIAL as a spin echo; MEGA-PRESS +1, -1 with the editing pulses between.
"""

from diffmrs.errors import InputError
from diffmrs.spins.events import Number, Sequence
from diffmrs.spins.rfpulse import RFPulse
from diffmrs.spins.timeline import Timeline, excite, refocus


def pulse_acquire(*, acquisition_delay_s: Number = 0.0, excitation: RFPulse | None = None) -> Sequence:
    """A 90° pulse, a delay, the FID: FID-MRSI when the delay is not zero.

    Args:
        acquisition_delay_s: from the middle of the pulse to the first sample, s. It is a first-order phase.
        excitation: shape of the pulse; ideal when None.

    Raises:
        InputError: the delay is negative or shorter than half of the pulse.
    """
    builder = Timeline("pulse-acquire")
    builder.pulse(excite(excitation), 0.0, keep=-1)
    return builder.done(acquisition_delay_s)


def spin_echo(te_s: Number, *, refocusing: RFPulse | None = None, carrier_ppm: Number = 3.0) -> Sequence:
    """90° - TE/2 - 180° - TE/2.

    Args:
        te_s: echo time, s.
        refocusing: shape of the 180° pulse, slice selective along z; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulse, ppm.

    Raises:
        InputError: the echo time is negative or does not hold the pulse.
    """
    builder = Timeline("spin echo")
    builder.pulse(excite(None), 0.0, keep=1)
    builder.pulse(refocus(refocusing, "z", carrier_ppm), te_s / 2, keep=-1)
    return builder.done(te_s / 2)


def special(te_s: Number, *, refocusing: RFPulse | None = None, carrier_ppm: Number = 3.0) -> Sequence:
    """SPECIAL (Mlynárik et al., Magn Reson Med 2006;56:965): a spin echo; the inversion only localises."""
    echo = spin_echo(te_s, refocusing=refocusing, carrier_ppm=carrier_ppm)
    return Sequence(echo.events, echo.gain, "SPECIAL")


def press(
    te1_s: Number,
    te2_s: Number,
    *,
    excitation: RFPulse | None = None,
    refocusing: RFPulse | None = None,
    carrier_ppm: Number = 3.0,
) -> Sequence:
    """90° - TE1/2 - 180° - (TE1 + TE2)/2 - 180° - TE2/2 (Bottomley 1987).

    Args:
        te1_s: first echo time, s.
        te2_s: second echo time, s; the echo time is TE1 + TE2.
        excitation: shape of the 90° pulse, slice selective along z; ideal when None.
        refocusing: shape of both 180° pulses, slice selective along x and y; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulses, ppm: spins elsewhere see a displaced slice.

    Raises:
        InputError: an echo time is negative or does not hold the pulses.
    """
    builder = Timeline("PRESS")
    builder.pulse(excite(excitation, "z", carrier_ppm), 0.0, keep=-1)
    builder.pulse(refocus(refocusing, "x", carrier_ppm), te1_s / 2, keep=1)
    builder.pulse(refocus(refocusing, "y", carrier_ppm), (te1_s + te2_s) / 2, keep=-1)
    return builder.done(te2_s / 2)


def steam(te_s: Number, tm_s: Number, *, pulse: RFPulse | None = None, carrier_ppm: Number = 3.0) -> Sequence:
    """90° - TE/2 - 90° - TM - 90° - TE/2, the stimulated echo (Frahm 1987).

    Half of the signal is lost; a gain of 2 makes up for it, as in the water reference of the same sequence.
    Zero-quantum coherence survives TM and evolves.

    Args:
        te_s: echo time, s.
        tm_s: mixing time, s.
        pulse: shape of all three pulses, slice selective along x, y, z; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulses, ppm.

    Raises:
        InputError: a time is negative or does not hold the pulses.
    """
    builder = Timeline("STEAM", gain=2.0)
    builder.pulse(excite(pulse, "x", carrier_ppm), 0.0, keep=1)
    builder.pulse(excite(pulse, "y", carrier_ppm, phase_deg=-90.0), te_s / 2, keep=0)
    builder.pulse(excite(pulse, "z", carrier_ppm), tm_s, keep=-1)
    return builder.done(te_s / 2)


def slaser(
    te_s: Number | None = None,
    *,
    intervals_s: tuple[Number, ...] | None = None,
    excitation: RFPulse | None = None,
    refocusing: RFPulse | None = None,
    carrier_ppm: Number = 3.0,
) -> Sequence:
    """Semi-LASER: 90° and two pairs of adiabatic 180° pulses (Scheenen 2008).

    Args:
        te_s: echo time, s, split evenly: a quarter between neighbouring 180° pulses, an eighth before and after.
        intervals_s: instead of it, the five delays between the middles of the pulses, and from the last to the first
            sample, s. For all chemical shifts to be refocused, those with even and those with odd place add up to
            the same.
        excitation: shape of the 90° pulse, slice selective along z; ideal when None.
        refocusing: shape of the 180° pulses, the first pair along x, the second along y; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulses, ppm.

    Raises:
        InputError: both or none of the times are given, one is negative or does not hold the pulses.
    """
    delays = slaser_intervals(te_s, intervals_s)
    builder = Timeline("sLASER")
    builder.pulse(excite(excitation, "z", carrier_ppm), 0.0, keep=-1)
    for i, (axis, order) in enumerate((("x", 1), ("x", -1), ("y", 1), ("y", -1))):
        builder.pulse(refocus(refocusing, axis, carrier_ppm), delays[i], keep=order)
    return builder.done(delays[4])


def slaser_intervals(te_s: Number | None, intervals_s: tuple[Number, ...] | None) -> tuple[Number, ...]:
    """The five delays of semi-LASER, from an echo time split evenly or as given, s.

    Raises:
        InputError: both or none of the two are given, or there are not five delays.
    """
    if (te_s is None) == (intervals_s is None):
        raise InputError("sLASER needs either te_s or intervals_s")
    if intervals_s is not None:
        if len(intervals_s) != 5:
            raise InputError(
                f"sLASER has 5 delays between its pulses and the first sample; {len(intervals_s)} are given"
            )
        return tuple(intervals_s)
    assert te_s is not None
    return (te_s / 8, te_s / 4, te_s / 4, te_s / 4, te_s / 8)
