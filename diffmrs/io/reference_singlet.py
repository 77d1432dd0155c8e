"""The singlet near 0 ppm that LCModel bases carry as a frequency reference: find it, and take it out.

LCModel's MakeBasis aligns each member on such a line (Provencher, LCModel manual, section 8); it belongs to no
metabolite. All members share its position and width, so these are fitted jointly: per member one amplitude on top
of a smooth background, the tails of the metabolite's own lines.
"""

from dataclasses import dataclass, replace

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError

_HALF_WINDOW_PPM = 0.35
_BACKGROUND_TERMS = 4  # complex cubic
_STEPS = 60
_MAX_WIDTH_PPM = 0.06  # full width; broader is no reference line
_UNEXPLAINED = 0.1  # of what stands above the background, when there is a line


@dataclass(frozen=True)
class _Line:
    """The fitted line, common in shape and one complex amplitude per member."""

    shape: np.ndarray  # [points], 1 at time zero
    amplitudes: np.ndarray  # [members], complex
    present: np.ndarray  # [members], whether the line explains what is near 0 ppm


def has_reference_singlet(basis: Basis, *, search_ppm: float = 0.1) -> bool:
    """Whether most members of a basis carry a reference singlet within `search_ppm` of 0 ppm.

    Args:
        basis: 1H members.
        search_ppm: how far from 0 ppm the line may lie; some bases need 0.5.
    """
    line = _fit(basis, search_ppm)
    return line is not None and bool(line.present.mean() > 0.5)


def remove_reference_singlet(basis: Basis, *, search_ppm: float = 0.1) -> Basis:
    """The basis without its reference singlet: the fitted line is subtracted, nothing else is touched.

    A member that consists of the line alone (DSS, TSP, TMS) keeps it. Where broad signals cover the line
    (macromolecules) the median of the other members is taken, if it agrees with what is there to 50 %.

    Args:
        basis: 1H members, [members, points].
        search_ppm: as for `has_reference_singlet`.

    Raises:
        InputError: there is no such line.
    """
    line = _fit(basis, search_ppm)
    if line is None or not line.present.mean() > 0.5:
        raise InputError(f"basis {basis.source}: no reference singlet within {search_ppm:g} ppm of 0 ppm")
    fid = np.asarray(basis.fid)
    usual = np.median(line.amplitudes[line.present].real) + 1j * np.median(line.amplitudes[line.present].imag)
    agrees = np.abs(line.amplitudes - usual) <= 0.5 * abs(usual)
    amplitudes = np.where(line.present, line.amplitudes, np.where(agrees, usual, 0.0))
    singlets = amplitudes[:, None] * line.shape
    rest = np.linalg.norm(fid - singlets, axis=-1)
    whole = np.linalg.norm(fid, axis=-1)
    singlets[rest < 0.2 * whole] = 0.0
    return replace(basis, fid=(fid - singlets).astype(fid.dtype))


def _fit(basis: Basis, search_ppm: float) -> _Line | None:
    acquisition, n_points = basis.acquisition, basis.n_points
    ppm = acquisition.ppm(n_points)
    inside = np.flatnonzero(np.abs(ppm) <= search_ppm + _HALF_WINDOW_PPM)
    if acquisition.nucleus != "1H" or inside.size < 4 * _BACKGROUND_TERMS or ppm.min() > -search_ppm:
        return None
    spectra = _spectrum(np.asarray(basis.fid, dtype=np.complex128))
    # The strongest spike over its surroundings says where to look; then the window is centred on it.
    nearby = spectra[:, inside]
    background = np.vander(np.linspace(-1, 1, inside.size), _BACKGROUND_TERMS).astype(np.complex128)
    spikes = np.abs(_without(background, nearby.T)).sum(axis=1) * (np.abs(ppm[inside]) <= search_ppm)
    start_hz = float(acquisition.ppm_to_hz(ppm[inside[int(np.argmax(spikes))]]))
    window = np.flatnonzero(np.abs(ppm - acquisition.hz_to_ppm(start_hz)) <= _HALF_WINDOW_PPM)
    background = np.vander(np.linspace(-1, 1, window.size), _BACKGROUND_TERMS).astype(np.complex128)
    target = _without(background, spectra[:, window].T)  # [window, members]
    power = np.linalg.norm(target, axis=0)
    # Weighted alike: a member with large signals elsewhere must not decide alone where the line is.
    target = target / np.where(power > 0, power, 1.0)
    chosen = np.ones(len(basis.names), dtype=bool)
    for _ in range(2):  # the second time without members whose background is no cubic, such as macromolecules
        widths = _line_shape(target[:, chosen], background, window, acquisition, n_points, start_hz)
        shape = _decay(*widths, acquisition, n_points)
        column = _without(background, _spectrum(shape)[window][:, None])
        amplitudes = (column.conj().T @ target)[0] / np.linalg.norm(column) ** 2
        unexplained = np.linalg.norm(target - column * amplitudes, axis=0)
        chosen = unexplained <= 3 * np.median(unexplained) + 1e-6
    position, lorentzian, gaussian = widths
    narrow = max(lorentzian, gaussian) <= _MAX_WIDTH_PPM * acquisition.spectrometer_frequency_mhz
    near = abs(acquisition.hz_to_ppm(position)) <= search_ppm
    present = (unexplained < _UNEXPLAINED) & narrow & near
    amplitudes = amplitudes * power
    return _Line(shape, amplitudes, present)


def _line_shape(
    target: np.ndarray,
    background: np.ndarray,
    window: np.ndarray,
    acquisition: Acquisition,
    n_points: int,
    start_hz: float,
) -> tuple[float, float, float]:
    """Position (Hz) and the Lorentzian and Gaussian widths (Hz), by damped Gauss-Newton on the projected residual.

    The unknowns are the position in points, the Lorentzian width and the square of the Gaussian width: the square,
    because the derivative in the width itself vanishes at zero. The last two cannot be negative.
    """
    scale = 1.0 / (n_points * acquisition.dwell_time_s)

    def widths(x: np.ndarray) -> tuple[float, float, float]:
        return start_hz + scale * float(x[0]), float(x[1]), float(np.sqrt(x[2]))

    def residual(x: np.ndarray) -> np.ndarray:
        column = _without(background, _spectrum(_decay(*widths(x), acquisition, n_points))[window][:, None])
        rest = _without(column, target)
        return np.concatenate([rest.real.ravel(), rest.imag.ravel()])

    x, damping = np.array([0.0, 2.0, 0.25]), 1e-2
    current = residual(x)
    for _ in range(_STEPS):
        jacobian = np.stack([(residual(x + 1e-6 * axis) - current) / 1e-6 for axis in np.eye(3)], axis=1)
        gradient = jacobian.T @ current
        free = (x > 0) | (gradient < 0) | (np.arange(3) == 0)  # one at its bound moves only inwards
        normal = (jacobian.T @ jacobian)[np.ix_(free, free)]
        step = np.zeros(3)
        step[free] = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), gradient[free])
        trial = x + np.clip(step, -2.0, 2.0)
        trial[1:] = np.maximum(trial[1:], 0.0)
        candidate = residual(trial)
        if candidate @ candidate < current @ current:
            small = np.abs(trial - x).max() < 1e-7
            x, current, damping = trial, candidate, max(damping / 5, 1e-9)
            if small:
                break
        else:
            damping *= 5
            if damping > 1e6:
                break
    return widths(x)


def _decay(
    position_hz: float, lorentzian: float, gaussian: float, acquisition: Acquisition, n_points: int
) -> np.ndarray:
    time = acquisition.time_s(n_points)
    damping = np.pi * lorentzian * time + (np.pi * gaussian * time) ** 2 / (4 * np.log(2))
    return np.exp(2j * np.pi * position_hz * time - damping)


def _spectrum(fid: np.ndarray) -> np.ndarray:
    return np.fft.fftshift(np.fft.fft(fid, axis=-1), axes=-1)


def _without(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What is left of each column of `values` after least squares on `columns`."""
    orthonormal, _ = np.linalg.qr(columns)
    return values - orthonormal @ (orthonormal.conj().T @ values)
