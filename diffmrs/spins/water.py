"""Water as members of a basis set, for those who fit it instead of removing it."""

from collections.abc import Iterable

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError

_PHASES = {"a": 0.0, "b": 2 * np.pi / 3, "c": -2 * np.pi / 3}


def water_members(
    acquisition: Acquisition,
    n_points: int,
    *,
    ppm: float = 4.65,
    widths_hz: Iterable[float] = (1.0, 8.0, 20.0),
) -> Basis:
    """Lorentzian lines at the place of water, to be joined to a basis: `basis.joined(water_members(...))`.

    Amplitudes of a fit are positive, but residual water has any phase, and broad and narrow parts may differ in it.
    Each width therefore has three members, a third of a turn apart: their positive sums reach every phase. Their
    names are Water1a, Water1b, Water1c, Water2a and so on. Give them a group and a shim group of their own, so that
    they have their own shift and width.

    Args:
        acquisition: dwell time, spectrometer frequency and carrier.
        n_points: samples per FID.
        ppm: chemical shift of water, ppm.
        widths_hz: full widths at half maximum, Hz; the fit adds a common one to them.

    Returns:
        Three members per width, whose first samples have modulus 1.

    Raises:
        InputError: not 1H or 2H, or a width is not positive.
    """
    widths = tuple(float(width) for width in widths_hz)
    if acquisition.nucleus not in ("1H", "2H"):
        raise InputError(f"water has no line of {acquisition.nucleus}")
    if not widths or not all(0 < width < np.inf for width in widths):
        raise InputError(f"widths_hz is {widths}; at least one width is needed, and all must be above zero")
    time = acquisition.time_s(n_points)
    rates = 2j * np.pi * acquisition.ppm_to_hz(ppm) - np.pi * np.array(widths)
    waves = np.exp(rates[:, None] * time)
    turns = np.exp(1j * np.array(list(_PHASES.values())))
    names = tuple(f"Water{k + 1}{phase}" for k in range(len(widths)) for phase in _PHASES)
    fid = (waves[:, None] * turns[:, None]).reshape(-1, n_points).astype(np.complex64)
    return Basis(fid, acquisition, names, source=f"water lines of {', '.join(f'{w:g}' for w in widths)} Hz")
