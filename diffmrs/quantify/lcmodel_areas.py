"""Signals of water and of a proton as LCModel takes them: areas of spectral lines between limits.

LCModel 6.3 compares two areas (its routines AREABA and AREAW2, with their default limits). The creatine methyl line of
the basis is summed over 5 line widths to each side of its top, the water line over 2 ppm, both above the mean of the
flanks next to those limits. Of a Lorentzian line of 2 Hz, limits of 8 Hz leave out 11 %; of water much less. The
result is therefore lower than with signals at time zero, by as much as the lines of the basis have tails. Here each
area is divided by what a line of unit signal at time zero would have between infinite limits, so that both ways give
signals in the same units.
"""

from dataclasses import dataclass

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError

# LCModel's control parameters: WSMET, WSPPM, N1HMET; FWHMBA, RFWBAS, PPMBAS(1); HWDWAT, PPMBAS(2).
_MEMBER, _PPM, _PROTONS = "Cr", 3.027, 3
_SEARCH_PPM = 0.08
DEFAULT_SINGLET_WIDTH_PPM = 0.013
_WIDTHS, _FLANK_PPM = 5.0, 0.1
_PHASE_REACH_PPM, _WATER_REACH_PPM, _WATER_FLANK_PPM = 1.0, 2.0, 0.4
_PHASES_RAD = np.deg2rad(np.arange(360.0))


@dataclass(frozen=True)
class LCModelAreas:
    """Signals are areas as LCModel integrates them.

    Attributes:
        singlet_width_ppm: full width at half maximum of the singlets in the basis, which sets the limits of
            integration, ppm; FWHMBA of a `.BASIS` file, 0.013 when that does not say, as in LCModel.
    """

    singlet_width_ppm: float = DEFAULT_SINGLET_WIDTH_PPM
    words = "areas of the water line and of the creatine methyl line of the basis between LCModel's limits"

    def water(self, fid: np.ndarray, acquisition: Acquisition) -> float:
        """Area of the water line (see `water_area`)."""
        return water_area(fid, acquisition)

    def proton(self, basis: Basis) -> float:
        """Area of one proton of the basis (see `proton_area`)."""
        return proton_area(basis, self.singlet_width_ppm)


def proton_area(basis: Basis, singlet_width_ppm: float = DEFAULT_SINGLET_WIDTH_PPM) -> float:
    """Area of the creatine methyl line of a basis, per proton, in units of the FID.

    Raises:
        InputError: the basis has no creatine, or the limits leave its axis.
    """
    if _MEMBER not in basis.names:
        raise InputError(
            f"LCModel's water scaling takes the methyl line of {_MEMBER}, which the basis does not hold; "
            "use the default scaling, which knows other singlets"
        )
    fid = np.asarray(basis.fid)[basis.index(_MEMBER)]
    n_points = 2 * fid.size  # a .BASIS file holds zero-filled spectra
    spectrum, ppm, step = _spectrum(np.pad(fid, (0, fid.size)), basis.acquisition)
    near = np.flatnonzero(np.abs(ppm - _PPM) <= _SEARCH_PPM)
    if not near.size:
        raise InputError(f"the basis does not reach {_PPM} ppm, where LCModel takes its reference line")
    top = int(near[np.argmax(spectrum.real[near])])
    reach = max(round(_WIDTHS * singlet_width_ppm / step), 1)
    return 2 * _net_area(spectrum.real, top, reach, max(round(_FLANK_PPM / step), 1)) / n_points / _PROTONS


def water_area(fid: np.ndarray, acquisition: Acquisition) -> float:
    """Area of the water line, in units of the FID.

    The spectrum is phased so that the line is as symmetric as it can be within 1 ppm of its top.

    Raises:
        InputError: the FID is not finite or zero, or the band is too narrow for LCModel's limits.
    """
    if not np.isfinite(fid).all() or not np.any(fid):
        raise InputError("the water scan holds NaN, infinite samples or only zeros")
    spectrum, _, step = _spectrum(fid, acquisition)
    top = int(np.argmax(np.abs(spectrum)))
    reach = round(_PHASE_REACH_PPM / step)
    _check_inside(top, 2 * reach, spectrum.size)
    phased = (spectrum * np.exp(1j * _most_symmetric_phase(spectrum, top, reach))).real
    limits = round(_WATER_REACH_PPM / step)
    return 2 * _net_area(phased, top, limits, round(_WATER_FLANK_PPM / step)) / fid.size


def _spectrum(fid: np.ndarray, acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray, float]:
    """Spectrum, its ppm axis and the distance of two points, ppm."""
    spectrum = np.fft.fftshift(np.fft.fft(np.asarray(fid, np.complex128)))
    ppm = acquisition.ppm(fid.size)
    return spectrum, ppm, float(np.abs(ppm[1] - ppm[0]))


def _most_symmetric_phase(spectrum: np.ndarray, top: int, reach: int) -> float:
    """The phase for which the two sides of a line differ least, distant points counting more, rad."""
    rows = (spectrum[None, top - 2 * reach : top + 2 * reach + 1] * np.exp(1j * _PHASES_RAD)[:, None]).real
    middle = rows[:, reach : 3 * reach + 1]
    centre = reach + np.argmax(middle, axis=1)
    steps = np.arange(1, reach + 1)
    right = np.take_along_axis(rows, centre[:, None] + steps, axis=1)
    left = np.take_along_axis(rows, centre[:, None] - steps, axis=1)
    both = np.concatenate([left, right, np.take_along_axis(rows, centre[:, None], axis=1)], axis=1)
    criterion = (np.sqrt(steps) * np.abs(right - left)).sum(axis=1) / np.ptp(both, axis=1)
    upright = middle.max(axis=1) > -middle.min(axis=1)
    return float(_PHASES_RAD[np.argmin(np.where(upright, criterion, np.inf))])


def _net_area(line: np.ndarray, top: int, reach: int, flank: int) -> float:
    """Sum of a line to both sides of its top, above the mean of the flanks beyond.

    The limits are drawn in to the lowest point within reach, by the same distance on both sides.
    """
    _check_inside(top, reach + flank, line.size)
    to_left = reach - int(np.argmin(line[top - reach : top]))
    to_right = 1 + int(np.argmin(line[top + 1 : top + reach + 1]))
    distance = max(to_left, to_right)
    first, last = top - distance, top + distance
    ground = (line[first - flank : first].mean() + line[last + 1 : last + 1 + flank].mean()) / 2
    return float(line[first : last + 1].sum() - (last - first + 1) * ground)


def _check_inside(top: int, reach: int, size: int) -> None:
    if top - reach < 0 or top + reach >= size:
        raise InputError("the spectral width is too small for the limits LCModel integrates water and creatine between")
