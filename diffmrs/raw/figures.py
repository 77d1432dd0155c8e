"""Figures of a cleaned scan: before and after, drift and weights, what is left of the water."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffmrs.axes import Acquisition
from diffmrs.plot import BASELINE, DATA, FIT, GREY, PALETTE
from diffmrs.quality.singlet import noise_of_spectrum
from diffmrs.raw.series import SeriesRecord

_FILL = 2
_WATER_PPM = (3.6, 5.9)
_SHOWN_PPM = (0.2, 4.3)  # where the scale of a 1H spectrum is taken from


def before_after_figure(
    record: SeriesRecord, acquisition: Acquisition, labels: tuple[str, ...] = (), condition: int | None = None
) -> Figure:
    """The plain mean over the transients, and the clean spectrum, on one scale.

    Args:
        record: of a series.
        acquisition: sampling.
        labels: names of the conditions.
        condition: the one to draw; all when absent.
    """
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, sharey=True)
    rows = range(len(record.after)) if condition is None else [condition]
    ppm = acquisition.ppm(_FILL * record.after.shape[-1])
    proton = acquisition.nucleus == "1H"
    low, high = _SHOWN_PPM if proton else (float(ppm.min()), float(ppm.max()))
    inside = (ppm > low) & (ppm < high)
    tops, bottoms = [], []
    for ax, fids, title in ((upper, record.before, "plain mean of the transients"), (lower, record.after, "cleaned")):
        for k in rows:
            line = _spectrum(fids[k]).real
            label = labels[k] if len(labels) > k and len(rows) > 1 else None
            ax.plot(ppm, line, color=PALETTE[k % len(PALETTE)] if len(rows) > 1 else DATA, linewidth=0.8, label=label)
            if ax is lower:
                tops.append(line[inside].max())
                bottoms.append(line[inside].min())
        ax.set(yticks=[])
        ax.set_title(title, loc="left", fontsize="medium")
    span = max(tops) - min(bottoms)
    lower.set(
        xlim=(5.2, 0.2) if proton else (high, low),
        ylim=(min(bottoms) - 0.15 * span, max(tops) + 0.1 * span),
        xlabel="chemical shift (ppm)",
    )
    if len(rows) > 1:
        upper.legend(frameon=False)
    return figure


def transients_figure(record: SeriesRecord, labels: tuple[str, ...] = ()) -> Figure:
    """Frequency, phase and weight of each transient over the scan; what was left out is crossed."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    number = np.arange(record.weight.shape[1])
    rows = (
        ("frequency (Hz)", record.shift_hz),
        ("phase (degrees)", np.degrees(np.unwrap(record.phase_rad, axis=1))),
        ("weight (1 / mean)", record.weight * record.weight.shape[1]),
    )
    for ax, (name, values) in zip(axes, rows, strict=True):
        for k, row in enumerate(values):
            color = PALETTE[k % len(PALETTE)]
            good, bad = ~record.outlier[k], record.outlier[k]
            label = labels[k] if len(labels) > k else None
            ax.plot(number[good], row[good], ".-", color=color, linewidth=0.6, markersize=4, label=label)
            ax.plot(number[bad], row[bad], "x", color=FIT if color != FIT else DATA, markersize=6)
        ax.set_ylabel(name)
    axes[-1].set(xlabel="transient, from 0", ylim=(0, None))
    if len(labels) > 1:
        axes[0].legend(frameon=False, ncols=len(labels))
    return figure


def water_figure(record: SeriesRecord, acquisition: Acquisition, *, condition: int = 0, ax: Axes | None = None) -> Axes:
    """Magnitude of the spectrum around the water line, before it was removed and after, with the noise."""
    axes = Figure(figsize=(7.2, 3.0), layout="constrained").subplots() if ax is None else ax
    ppm = acquisition.ppm(record.after.shape[-1])
    shown = (ppm > _WATER_PPM[0]) & (ppm < _WATER_PPM[1])
    for fid, color, label in (
        (record.with_water[condition], GREY, "before its removal"),
        (record.after[condition], DATA, "after"),
    ):
        axes.semilogy(ppm[shown], np.abs(_spectrum(fid, 1))[shown], color=color, linewidth=0.9, label=label)
    axes.axhline(
        np.sqrt(2) * noise_of_spectrum(record.after[condition]), color=BASELINE, linewidth=0.8, ls="--", label="noise"
    )
    axes.set(xlim=(_WATER_PPM[1], _WATER_PPM[0]), xlabel="chemical shift (ppm)", ylabel="magnitude")
    axes.legend(frameon=False)
    return axes


def coils_figure(record: SeriesRecord) -> Figure:
    """Modulus of each coil's sensitivity."""
    assert record.sensitivities is not None
    figure = Figure(figsize=(7.2, 1.8), layout="constrained")
    ax = figure.subplots()
    size = np.abs(record.sensitivities)
    ax.bar(np.arange(len(size)), size / size.max(), color=BASELINE)
    ax.set(xlabel="coil, from 0", ylabel="relative")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _spectrum(fid: np.ndarray, fill: int = _FILL) -> np.ndarray:
    halved = np.concatenate([0.5 * fid[:1], fid[1:]])
    return np.fft.fftshift(np.fft.fft(halved, fill * fid.size))
