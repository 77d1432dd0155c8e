"""Usual protocols of the vendors, with the split of their echo time written down.

Echo times are those a protocol card shows. The split into TE1 and TE2, or into the five delays of semi-LASER, is a
property of the vendor's sequence and rarely printed: the values here are typical ones, and matter for coupled spins by
a few per cent. Pulses are ideal; give the shapes of your scanner to `press`, `slaser` … for more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from diffmrs.errors import InputError
from diffmrs.spins.editing import editing_pulse, mega, mega_press, mega_slaser
from diffmrs.spins.events import Sequence
from diffmrs.spins.sequences import press, pulse_acquire, slaser, special, steam


@dataclass(frozen=True)
class Protocol:
    """A sequence with its timing.

    Attributes:
        name: how it is asked for.
        timing: its echo times, for reading.
        steps: makes its sub-experiments by name; `"all"` when there is only one.
    """

    name: str
    timing: str
    steps: Callable[[], dict[str, Sequence]]

    @property
    def sequence(self) -> Sequence:
        """The sequence of a protocol that has no sub-experiments.

        Raises:
            InputError: the protocol is an edited one; use `steps`.
        """
        steps = self.steps()
        if set(steps) != {"all"}:
            raise InputError(
                f"protocol {self.name} has the sub-experiments {', '.join(steps)}; simulate_edited plays them"
            )
        return steps["all"]


def _press(name: str, te1_ms: float, te2_ms: float, remark: str) -> Protocol:
    return Protocol(
        name,
        f"PRESS, TE {te1_ms + te2_ms:g} = {te1_ms:g} + {te2_ms:g} ms ({remark})",
        lambda: {"all": press(te1_ms / 1e3, te2_ms / 1e3)},
    )


def _slaser(te_ms: float, intervals_ms: tuple[float, ...], remark: str) -> Protocol:
    listed = ", ".join(f"{x:g}" for x in intervals_ms)
    return Protocol(
        f"slaser-{te_ms:g}",
        f"semi-LASER, TE {te_ms:g} ms, delays {listed} ms ({remark})",
        lambda: {"all": slaser(intervals_s=tuple(x / 1e3 for x in intervals_ms))},
    )


def _steam(te_ms: float, tm_ms: float) -> Protocol:
    return Protocol(
        f"steam-{te_ms:g}", f"STEAM, TE {te_ms:g} ms, TM {tm_ms:g} ms", lambda: {"all": steam(te_ms / 1e3, tm_ms / 1e3)}
    )


_ALL = (
    _press("press-30-siemens", 11.0, 19.0, "short first echo, as in the 2016 fitting challenge"),
    _press("press-30-philips", 13.0, 17.0, "typical"),
    _press("press-35-siemens", 12.0, 23.0, "typical"),
    _press("press-35-philips", 12.6, 22.4, "typical"),
    _press("press-35-ge", 18.0, 17.0, "nearly symmetric, typical"),
    _press("press-144", 14.0, 130.0, "short first echo, typical"),
    _press("press-144-symmetric", 72.0, 72.0, "symmetric"),
    _press("press-288", 14.0, 274.0, "short first echo, typical"),
    _press("press-288-symmetric", 144.0, 144.0, "symmetric"),
    _slaser(28.0, (5.0, 5.5, 7.0, 8.5, 2.0), "short first and last delay, typical of adiabatic full passages"),
    _slaser(30.0, (5.0, 6.0, 7.5, 9.0, 2.5), "as TE 28 with longer delays"),
    _slaser(40.0, (5.0, 10.0, 10.0, 10.0, 5.0), "evenly split"),
    _steam(10.0, 10.0),
    _steam(20.0, 10.0),
    Protocol("special-8.5", "SPECIAL, TE 8.5 ms", lambda: {"all": special(0.0085)}),
    Protocol("fid", "pulse-acquire, no delay", lambda: {"all": pulse_acquire()}),
    Protocol(
        "mega-press-68",
        "MEGA-PRESS, TE 68 = 12.6 + 55.4 ms, GABA editing at 1.9 ppm, OFF at 7.5 ppm",
        lambda: mega(mega_press, 0.0126, 0.0554, on=editing_pulse(1.9), off=editing_pulse(7.5)),
    ),
    Protocol(
        "mega-slaser-68",
        "MEGA-sLASER, TE 68 ms evenly split, GABA editing at 1.9 ppm, OFF at 7.5 ppm",
        lambda: mega(mega_slaser, 0.068, on=editing_pulse(1.9), off=editing_pulse(7.5)),
    ),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}


def protocol(name: str) -> Protocol:
    """A protocol by name.

    Raises:
        InputError: there is no such protocol.
    """
    if name not in PROTOCOLS:
        raise InputError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
