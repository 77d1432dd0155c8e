"""Macromolecules as single lines, one basis member each: what a parametric decoder has instead of a measured signal."""

from collections.abc import Sequence

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError


def lines_basis(
    acquisition: Acquisition,
    n_points: int,
    centre_ppm: Sequence[float],
    lorentzian_fwhm_hz: Sequence[float],
    amplitude: Sequence[float],
) -> Basis:
    r"""Lorentzian lines $A\,e^{2\pi i f t - \pi L t}$ as members MM01, MM02, …

    Args:
        acquisition: sampling.
        n_points: samples.
        centre_ppm: where each lies, ppm.
        lorentzian_fwhm_hz: width of each, Hz.
        amplitude: first sample of each at amplitude 1.

    Raises:
        InputError: the lists differ in length, or a width is negative.
    """
    if not len(centre_ppm) == len(lorentzian_fwhm_hz) == len(amplitude) > 0:
        raise InputError(
            f"there are {len(centre_ppm)} centres, {len(lorentzian_fwhm_hz)} widths and {len(amplitude)} amplitudes of "
            "lines; there must be as many of each, at least one"
        )
    if min(lorentzian_fwhm_hz) < 0:
        raise InputError(f"the smallest width of the lines is {min(lorentzian_fwhm_hz):g} Hz; it must not be negative")
    time_s = acquisition.time_s(n_points)[None]
    frequency_hz = acquisition.ppm_to_hz(np.asarray(centre_ppm, float))[:, None]
    rate = 2j * np.pi * frequency_hz - np.pi * np.asarray(lorentzian_fwhm_hz, float)[:, None]
    fid = np.asarray(amplitude, float)[:, None] * np.exp(rate * time_s)
    names = tuple(f"MM{k + 1:02d}" for k in range(len(centre_ppm)))
    return Basis(fid.astype(np.complex64), acquisition, names)
