"""What cleaning brought, in numbers: signal-to-noise ratio, width, water left."""

from typing import NamedTuple

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.quality.singlet import Singlet, noise_of_spectrum, singlet_of
from diffmrs.raw.series import SeriesRecord

_NAA_PPM, _WATER_PPM = (1.9, 2.15), (4.3, 5.0)


class Gains(NamedTuple):
    """A series before and after; NaN where it makes no sense.

    Attributes:
        before: the tallest line of the plain mean over the transients; the N-acetyl singlet of 1H.
        after: that of the clean spectrum.
        water_before: tallest point of the spectrum from 4.3 to 5.0 ppm, over the noise (standard deviation of the
            real part), before water is removed; 1H only.
        water_after: the same at the end.
    """

    before: Singlet
    after: Singlet
    water_before: float
    water_after: float


def gains_of(record: SeriesRecord, acquisition: Acquisition) -> Gains:
    """The numbers of a series, of the mean over its conditions."""
    proton = acquisition.nucleus == "1H"
    ppm = acquisition.ppm(record.after.shape[-1])
    window = _NAA_PPM if proton else (float(ppm.min()), float(ppm.max()))
    before, with_water, after = (fids.mean(axis=0) for fids in (record.before, record.with_water, record.after))
    inside = (ppm > _WATER_PPM[0]) & (ppm < _WATER_PPM[1])
    noise = noise_of_spectrum(after)

    def tallest(fid: np.ndarray) -> float:
        spectrum = np.fft.fftshift(np.fft.fft(fid))
        return float(np.abs(spectrum[inside]).max() / noise) if proton and inside.any() and noise > 0 else float("nan")

    return Gains(
        singlet_of(before, acquisition, window),
        singlet_of(after, acquisition, window),
        tallest(with_water),
        tallest(after),
    )


def in_words(gains: Gains) -> list[tuple[str, str, str]]:
    """Name, number before and number after, of what there is a number for."""
    proton = not np.isnan(gains.water_after)
    line = "N-acetyl singlet" if proton else "tallest line"
    rows = [
        (f"SNR of the {line}", f"{gains.before.snr:.1f}", f"{gains.after.snr:.1f}"),
        (f"width of the {line} (Hz)", f"{gains.before.linewidth_hz:.2f}", f"{gains.after.linewidth_hz:.2f}"),
        (f"place of the {line} (ppm)", f"{gains.before.ppm:.3f}", f"{gains.after.ppm:.3f}"),
    ]
    if proton:
        name = "highest point from 4.3 to 5.0 ppm (noise = 1)"
        rows.append((name, f"{gains.water_before:.0f}", f"{gains.water_after:.1f}"))
    return rows
