"""Spectral editing: sub-experiments that differ in one pulse, and their differences and sums."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.spins.basis import simulate_basis
from diffmrs.spins.events import Number, Pulse, Sequence, ShapedPulse
from diffmrs.spins.library import Metabolite
from diffmrs.spins.rfpulse import RFPulse
from diffmrs.spins.sequences import slaser_intervals
from diffmrs.spins.timeline import Timeline, excite, refocus

Editing = Pulse | ShapedPulse | tuple[Pulse, ...] | None

# Which sub-experiments are added (+1), subtracted (-1) or left out (0) in each combination.
MEGA = {"difference": {"on": 1, "off": -1}, "sum": {"on": 1, "off": 1}}
HERMES = {
    "gaba": {"a": 1, "b": 1, "c": -1, "d": -1},
    "gsh": {"a": 1, "b": -1, "c": 1, "d": -1},
    "sum": {"a": 1, "b": 1, "c": 1, "d": 1},
}


def editing_pulse(*centres_ppm: float, width_ppm: float = 0.6) -> tuple[Pulse, ...]:
    """An ideal editing pulse: 180° for the spins within a band, nothing elsewhere.

    Args:
        centres_ppm: middle of the band, ppm; two of them give a dual-band pulse, none of them no pulse.
        width_ppm: full width of the band, ppm.
    """
    return tuple(Pulse(180.0, 0.0, (float(centre), float(width_ppm))) for centre in centres_ppm)


def mega_press(
    te1_s: Number,
    te2_s: Number,
    *,
    editing: Editing,
    editing_times_s: tuple[Number, Number] | None = None,
    excitation: RFPulse | None = None,
    refocusing: RFPulse | None = None,
    carrier_ppm: Number = 3.0,
) -> Sequence:
    """One sub-experiment of MEGA-PRESS (Mescher et al., NMR Biomed 1998;11:266).

    PRESS with one editing pulse between the 180° pulses and one after them.

    Args:
        te1_s: first echo time of PRESS, s.
        te2_s: second echo time, s.
        editing: the editing pulse, `editing_pulse(1.9)` for GABA; None for none.
        editing_times_s: middle of each editing pulse, counted from the excitation, s. When None: in the middle between
            the 180° pulses, and half an echo time later.
        excitation: shape of the 90° pulse, slice selective along z; ideal when None.
        refocusing: shape of both 180° pulses; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulses, ppm.

    Raises:
        InputError: a time is negative or the pulses do not fit.
    """
    te = te1_s + te2_s
    if editing_times_s is None:
        editing_times_s = (te1_s / 2 + te / 4, te1_s / 2 + 3 * te / 4)
    builder = Timeline("MEGA-PRESS")
    builder.pulse(excite(excitation, "z", carrier_ppm), 0.0, keep=-1)
    builder.pulse(refocus(refocusing, "x", carrier_ppm), te1_s / 2, keep=1)
    last = _edit(builder, editing, te1_s / 2, editing_times_s[0], 1)
    builder.pulse(refocus(refocusing, "y", carrier_ppm), te1_s / 2 + te / 2 - last, keep=-1)
    last = _edit(builder, editing, te1_s / 2 + te / 2, editing_times_s[1], -1)
    return builder.done(te - last)


def mega_slaser(
    te_s: Number | None = None,
    *,
    intervals_s: tuple[Number, ...] | None = None,
    editing: Editing,
    editing_times_s: tuple[Number, Number] | None = None,
    excitation: RFPulse | None = None,
    refocusing: RFPulse | None = None,
    carrier_ppm: Number = 3.0,
) -> Sequence:
    """One sub-experiment of MEGA-sLASER: semi-LASER with an editing pulse after each pair of 180° pulses.

    Args:
        te_s: echo time, s, split evenly; see `slaser`.
        intervals_s: instead of it, the five delays; see `slaser`.
        editing: the editing pulse; None for none.
        editing_times_s: middle of each editing pulse, counted from the excitation, s. When None: the second one halfway
            between the last 180° pulse and the first sample, the first one half an echo time before it.
        excitation: shape of the 90° pulse, slice selective along z; ideal when None.
        refocusing: shape of the 180° pulses; ideal when None.
        carrier_ppm: chemical shift at the centre of the pulses, ppm.

    Raises:
        InputError: a time is negative or the pulses do not fit.
    """
    delays = slaser_intervals(te_s, intervals_s)
    times = [sum(delays[1 : i + 1], delays[0]) for i in range(5)]
    if editing_times_s is None:
        second = (times[3] + times[4]) / 2
        editing_times_s = (second - times[4] / 2, second)
    builder = Timeline("MEGA-sLASER")
    builder.pulse(excite(excitation, "z", carrier_ppm), 0.0, keep=-1)
    last: Number = 0.0
    for i, (axis, order) in enumerate((("x", 1), ("x", -1), ("y", 1), ("y", -1))):
        builder.pulse(refocus(refocusing, axis, carrier_ppm), times[i] - last, keep=order)
        last = times[i]
        if i in (1, 3):
            last = _edit(builder, editing, last, editing_times_s[i // 2], order)
    return builder.done(times[4] - last)


def mega(sequence: Any, *timing: Any, on: Editing, off: Editing = None, **options: Any) -> dict[str, Sequence]:
    """Both sub-experiments of an edited sequence, `"on"` and `"off"`.

    Args:
        sequence: `mega_press` or `mega_slaser`.
        timing: its echo times.
        on: the editing pulse of the ON step.
        off: that of the OFF step; none when not given.
        options: further arguments of `sequence`.
    """
    return {"on": sequence(*timing, editing=on, **options), "off": sequence(*timing, editing=off, **options)}


def hermes(
    te1_s: Number,
    te2_s: Number,
    *,
    bands_ppm: tuple[float, float] = (1.9, 4.56),
    width_ppm: float = 0.6,
    **options: Any,
) -> dict[str, Sequence]:
    """The four sub-experiments of HERMES (Saleh et al., NeuroImage 2016;134:360): both bands, first, second, none.

    Args:
        te1_s: first echo time of PRESS, s.
        te2_s: second echo time, s.
        bands_ppm: the editing bands, ppm; those for GABA and GSH when not given.
        width_ppm: their full width, ppm.
        options: further arguments of `mega_press`.
    """
    one, two = bands_ppm
    steps: dict[str, Editing] = {
        "a": editing_pulse(one, two, width_ppm=width_ppm),
        "b": editing_pulse(one, width_ppm=width_ppm),
        "c": editing_pulse(two, width_ppm=width_ppm),
        "d": None,
    }
    return {name: mega_press(te1_s, te2_s, editing=step, **options) for name, step in steps.items()}


def simulate_edited(
    metabolites: Iterable[str | Metabolite] | None,
    steps: Mapping[str, Sequence],
    acquisition: Acquisition,
    n_points: int,
    *,
    combinations: Mapping[str, Mapping[str, float]] | None = None,
    **options: Any,
) -> dict[str, Basis]:
    """Basis of every sub-experiment and of their combinations.

    Args:
        metabolites: see `simulate_basis`.
        steps: the sub-experiments, from `mega` or `hermes`.
        acquisition: dwell time, spectrometer frequency, nucleus and carrier.
        n_points: length of the FIDs.
        combinations: factor of each sub-experiment in each combination; `MEGA` or `HERMES` when None, by the names of
            the steps. They are plain sums: not divided by the number of steps.
        options: further arguments of `simulate_basis`.

    Returns:
        A basis by name: of the steps, then of the combinations. A member may vanish in a difference; it is then left
        as it is, all zeros up to rounding.

    Raises:
        InputError: a combination names a step that is not there.
    """
    chosen = list(metabolites) if metabolites is not None else None
    bases = {name: simulate_basis(chosen, step, acquisition, n_points, **options) for name, step in steps.items()}
    if combinations is None:
        combinations = MEGA if set(steps) == {"on", "off"} else HERMES
    for name, factors in combinations.items():
        unknown = set(factors) - set(steps)
        if unknown:
            raise InputError(f"combination {name} uses {', '.join(sorted(unknown))}; the steps are {', '.join(steps)}")
        fids = [factor * bases[step].fid for step, factor in factors.items()]
        first = next(iter(bases.values()))
        bases[name] = _basis(first, sum(fids[1:], fids[0]), f"{first.source}, {name}")
    return bases


def _basis(like: Basis, fid: Any, source: str) -> Basis:
    # Singlets cancel exactly in a difference; `Basis` refuses empty members, so the smallest number stands for zero.
    tiny = 1e-30
    return replace(like, fid=fid + tiny, source=source)


def _edit(builder: Timeline, editing: Editing, last: Number, time: Number, order: int) -> Number:
    """An editing pulse, which leaves the coherence order of what it does not touch alone; returns the time reached."""
    pulses = editing if isinstance(editing, tuple) else () if editing is None else (editing,)
    for pulse in pulses:
        builder.pulse(pulse, time - last, keep=order)
        last = time
    return last
