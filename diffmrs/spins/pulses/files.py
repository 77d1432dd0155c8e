"""Pulse files of the vendors: Siemens `.pta`, Varian and Agilent `.RF`, Bruker shapes (JCAMP)."""

import math
import re
from pathlib import Path

import numpy as np

from diffmrs.errors import InputError
from diffmrs.spins.pulses.design import calibrated
from diffmrs.spins.rfpulse import RFPulse

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def read_pulse(
    path: str | Path,
    duration_s: float,
    *,
    flip_deg: float | None = None,
    peak_b1_hz: float | None = None,
    bandwidth_hz: float | None = None,
) -> RFPulse:
    """A pulse from a file of Siemens (`.pta`), Varian or Agilent (`.RF`) or Bruker (JCAMP text).

    None of these files holds duration or amplitude; both come from the protocol.

    Args:
        path: the file; its format is recognised by its content.
        duration_s: duration, s.
        flip_deg: flip angle on resonance, degrees, for an amplitude-modulated pulse.
        peak_b1_hz: largest γB1/2π, Hz, for an adiabatic pulse. Give one of the two.
        bandwidth_hz: full width at half maximum of the profile, Hz; measured on the pulse when None.

    Raises:
        InputError: the file cannot be read or is none of these, or the amplitude is not given exactly once.
    """
    where = Path(path)
    try:
        text = where.read_text(encoding="latin-1")
    except OSError as error:
        raise InputError(f"pulse {where} cannot be read: {error.strerror}") from None
    if re.search(r"^\s*PULSENAME\s*:", text, re.MULTILINE):
        samples = _siemens(text)
    elif text.lstrip().startswith("##"):
        samples = _bruker(text)
    elif where.suffix.lower() == ".rf" or text.lstrip().startswith("#"):
        samples = _varian(text)
    else:
        raise InputError(f"pulse {where} is neither a Siemens .pta, a Varian .RF nor a Bruker shape")
    if samples.size < 4 or not np.isfinite(samples).all() or not samples.any():
        raise InputError(f"pulse {where} holds {samples.size} samples that can be used; at least 4 are needed")
    return calibrated(
        samples, duration_s, flip_deg=flip_deg, peak_b1_hz=peak_b1_hz, bandwidth_hz=bandwidth_hz, name=where.stem
    )


def _siemens(text: str) -> np.ndarray:
    """Rows `amplitude phase[rad] ; (index)` after a header of `KEY: value`."""
    rows = re.findall(rf"^\s*({_NUMBER})\s+({_NUMBER})\s*;\s*\(\s*\d+\s*\)", text, re.MULTILINE)
    return _polar([float(a) for a, _ in rows], [float(p) for _, p in rows])


def _varian(text: str) -> np.ndarray:
    """Rows `phase[deg] amplitude [duration [gate]]`; durations are small whole numbers of equal steps."""
    amplitude: list[float] = []
    phase: list[float] = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) < 2 or not all(re.fullmatch(_NUMBER, w) for w in words):
            continue
        gate = float(words[3]) if len(words) > 3 else 1.0
        repeat = max(1, round(float(words[2]))) if len(words) > 2 else 1
        amplitude += [float(words[1]) * (gate != 0)] * min(repeat, 100_000)
        phase += [math.radians(float(words[0]))] * min(repeat, 100_000)
    return _polar(amplitude, phase)


def _bruker(text: str) -> np.ndarray:
    """Rows `amplitude[%], phase[deg]` after `##XYPOINTS`, until `##END`."""
    body = re.split(r"##XYPOINTS\s*=.*", text, maxsplit=1)[-1].split("##END")[0]
    rows = re.findall(rf"^\s*({_NUMBER})\s*,\s*({_NUMBER})\s*$", body, re.MULTILINE)
    return _polar([float(a) for a, _ in rows], [math.radians(float(p)) for _, p in rows])


def _polar(amplitude: list[float], phase_rad: list[float]) -> np.ndarray:
    return np.array(amplitude) * np.exp(1j * np.array(phase_rad))
