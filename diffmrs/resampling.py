"""Bring a basis to the sampling of the data: bandwidth, length, field frequency and ppm reference."""

from dataclasses import replace

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError

_STENCIL = 12  # points of the Lagrange interpolation
_MAX_FREQUENCY_RATIO = 1.1
_DECAYED = 0.05
_OUTSIDE = 0.1  # share of the energy that may lie beyond a band: the tails of broad lines do


def resample(basis: Basis, acquisition: Acquisition, n_points: int) -> Basis:
    r"""The basis as it would have been sampled by `acquisition` with `n_points`.

    Lines keep their positions (and widths) in ppm: with the field ratio $r = f_0^\mathrm{new}/f_0^\mathrm{old}$,
    $s_\mathrm{new}(t) = s_\mathrm{old}(rt)\,e^{2\pi i(\delta_\mathrm{new}-\delta_\mathrm{old})f_0^\mathrm{new}t}$ for
    the two references $\delta$. Couplings in Hz therefore scale with $r$; within the 10 % allowed here this is
    the customary approximation. Between samples each member is interpolated by a 12-point Lagrange polynomial after
    its mean frequency has been taken out; nothing is periodic, so nothing rings at $t = 0$. Where the samples already
    fall on those asked for they are copied. Beyond the end of a member that has decayed there are zeros.

    Args:
        basis: [members, points].
        acquisition: sampling of the data.
        n_points: points of the data.

    Returns:
        The basis with that sampling, in the precision it had.

    Raises:
        InputError: another nucleus, a field frequency off by more than 10 %, a basis that ends before the data do and
            has not decayed to 5 %, or a bandwidth too narrow for the lines.
    """
    _check_field(basis.acquisition, acquisition)
    if n_points < 16:
        raise InputError(f"n_points is {n_points}; at least 16 are needed")
    fid = np.asarray(basis.fid)
    old, new = basis.acquisition, acquisition
    ratio = new.spectrometer_frequency_mhz / old.spectrometer_frequency_mhz
    step = ratio * new.dwell_time_s / old.dwell_time_s  # new samples lie this many old samples apart
    shift_hz = (new.ppm_reference - old.ppm_reference) * new.spectrometer_frequency_mhz
    same_grid = abs(step - 1) * n_points < 1e-4
    _check_length(basis, fid, 1.0 if same_grid else step, n_points)
    if same_grid:
        result = np.zeros((len(basis.names), n_points), dtype=fid.dtype)
        kept = min(n_points, basis.n_points)
        result[:, :kept] = fid[:, :kept]
    else:
        centre = _mean_frequency(fid)  # cycles per old sample, one per member
        _check_bandwidth(basis, fid, centre, step, shift_hz, new)
        result = _interpolate(fid, centre, step, n_points)
    if shift_hz != 0.0:
        result = result * np.exp(2j * np.pi * shift_hz * new.time_s(n_points))
    return replace(basis, fid=result.astype(fid.dtype), acquisition=acquisition)


def _check_field(old: Acquisition, new: Acquisition) -> None:
    if old.nucleus != new.nucleus:
        raise InputError(f"the basis is of {old.nucleus} but the data are of {new.nucleus}")
    f_old, f_new = old.spectrometer_frequency_mhz, new.spectrometer_frequency_mhz
    if max(f_old / f_new, f_new / f_old) > _MAX_FREQUENCY_RATIO:
        raise InputError(
            f"the basis was made for {f_old:g} MHz but the data were measured at {f_new:g} MHz; "
            "more than 10 % apart, the couplings differ too much: use a basis for this field"
        )


def _check_length(basis: Basis, fid: np.ndarray, step: float, n_points: int) -> None:
    if step * (n_points - 1) < basis.n_points - 0.5:
        return
    tail = fid[:, -max(4, basis.n_points // 50) :]
    left = np.sqrt(np.mean(np.abs(tail) ** 2, axis=-1)) / np.abs(fid).max(axis=-1)
    if left.max() > _DECAYED:
        worst = basis.names[int(np.argmax(left))]
        has_s = basis.n_points * basis.acquisition.dwell_time_s
        raise InputError(
            f"the basis lasts {has_s:.3g} s but the data {has_s * step * n_points / basis.n_points:.3g} s, and {worst} "
            f"has {100 * left.max():.0f} % of its signal left at the end; use a longer basis or fewer data points"
        )


def _mean_frequency(fid: np.ndarray) -> np.ndarray:
    energy = np.abs(np.fft.fft(fid, axis=-1)) ** 2
    cycles = np.fft.fftfreq(fid.shape[-1])
    # The circular mean: the spectrum has no edge, and lines may lie on both sides of one.
    return np.angle((energy * np.exp(2j * np.pi * cycles)).sum(axis=-1)) / (2 * np.pi)


def _check_bandwidth(
    basis: Basis, fid: np.ndarray, centre: np.ndarray, step: float, shift_hz: float, new: Acquisition
) -> None:
    energy = np.abs(np.fft.fft(fid, axis=-1)) ** 2
    energy /= energy.sum(axis=-1, keepdims=True)
    cycles = np.fft.fftfreq(fid.shape[-1])
    old_hz = basis.acquisition.bandwidth_hz
    from_centre = (cycles - centre[:, None] + 0.5) % 1.0 - 0.5
    for outside, message in (
        (np.abs(from_centre) > 0.25, f"the bandwidth of the basis, {old_hz:.0f} Hz, is too narrow"),
        (
            np.abs(cycles * step + shift_hz * new.dwell_time_s) > 0.5,
            f"the bandwidth of the data, {new.bandwidth_hz:.0f} Hz, is too narrow",
        ),
    ):
        share = (energy * outside).sum(axis=-1)
        if share.max() > _OUTSIDE:
            worst = basis.names[int(np.argmax(share))]
            raise InputError(
                f"{message} to resample {worst}: {100 * share.max():.0f} % of its signal lies beyond the limit"
            )


def _interpolate(fid: np.ndarray, centre: np.ndarray, step: float, n_points: int) -> np.ndarray:
    n_old = fid.shape[-1]
    size = min(_STENCIL, n_old)
    where = step * np.arange(n_points)
    inside = where <= n_old - 1
    first = np.clip(np.floor(where[inside]).astype(int) - size // 2 + 1, 0, n_old - size)
    offset = where[inside] - first  # position within the stencil, in old samples
    slow = fid * np.exp(-2j * np.pi * centre[:, None] * np.arange(n_old))
    result = np.zeros((fid.shape[0], n_points), dtype=np.complex128)
    for node in range(size):
        others = [k for k in range(size) if k != node]
        weight = np.prod([(offset - k) / (node - k) for k in others], axis=0)
        result[:, inside] += weight * slow[:, first + node]
    return result * np.exp(2j * np.pi * centre[:, None] * where)
