"""Figures of a fit and of a basis. Functions draw on the axes they are given, without pyplot state or rcParams."""

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.combine import correlation
from diffmrs.curves import Curves, checked_index, curves_of
from diffmrs.data import Basis, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, Status
from diffmrs.model import voigt_decay
from diffmrs.quality import fit_numbers

# Okabe & Ito 2008: told apart with every kind of colour vision. Yellow is left out: too faint for thin lines.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DATA, FIT, BASELINE, GREY = "#000000", "#D55E00", "#0072B2", "#8C8C8C"
_POINT = 1 / 72  # inch


def plot_fit(
    result: FitResult, *, index: int = 0, ax: Axes | None = None, ppm_range: tuple[float, float] | None = None
) -> Axes:
    """Data, fit and baseline of one spectrum, with the residual above.

    Real parts, with the fitted phases taken off. The grey band is the residual that noise alone leaves in 95 % of
    points, two standard deviations either way. Where the basis holds macromolecules or lipids, the dashed line is
    the baseline with them: what the metabolites stand on.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.
        ax: where to draw; a new figure when absent.
        ppm_range: lower and upper limit of the axis, ppm, inside the fit window; all of it when absent.

    Returns:
        The axes.

    Raises:
        InputError: no such spectrum, it could not be fitted, or the limits are not inside the window.
    """
    curves = curves_of(result, index)
    axes = _new_axes((7.2, 4.0)) if ax is None else ax
    shown = _shown(curves, ppm_range)
    lowest = min(curve[shown].min() for curve in (curves.data, curves.fit, curves.baseline))
    highest = max(curve[shown].max() for curve in (curves.data, curves.fit))
    height = highest - lowest
    residual = curves.residual
    band = 2 * curves.noise_sd
    zero = highest + 0.06 * height + max(-residual[shown].min(), band)

    x = curves.ppm
    axes.fill_between(x, zero - band, zero + band, color=GREY, alpha=0.3, linewidth=0)
    axes.plot(x, zero + residual, color=DATA, linewidth=0.7)
    axes.plot(x, curves.data, color=DATA, linewidth=0.8, label="data")
    axes.plot(x, curves.fit, color=FIT, linewidth=1.2, label="fit")
    axes.plot(x, curves.baseline, color=BASELINE, linewidth=1.0, label="baseline")
    if curves.heavy.any():
        below = curves.baseline + curves.heavy
        axes.plot(x, below, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), label="and macro-\nmolecules")
    top = zero + max(residual[shown].max(), band)
    axes.text(
        1.0, zero, " residual\n ±2 SD of\n the noise", transform=axes.get_yaxis_transform(), fontsize=8, va="center"
    )
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.0, 0.72), frameon=False, fontsize=8, borderaxespad=0.2, handlelength=1.4
    )
    axes.set_ylim(lowest - 0.04 * height, top + 0.04 * height)
    axes.set_title(_title(result, index), fontsize=9, loc="left")
    _ppm_axis(axes, x[shown])
    return axes


def plot_members(
    result: FitResult, *, index: int = 0, ax: Axes | None = None, ppm_range: tuple[float, float] | None = None
) -> Axes:
    """Each basis member of one fit by itself, one below the other, all on the scale of the data.

    Traces stand as close as they can without touching. Macromolecules and lipids are grey. The number beside a name is
    the standard deviation in percent of the amplitude.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.
        ax: where to draw; a new figure when absent.
        ppm_range: lower and upper limit of the axis, ppm, inside the fit window; all of it when absent.

    Returns:
        The axes.

    Raises:
        InputError: as `plot_fit`.
    """
    curves = curves_of(result, index)
    axes = _new_axes((7.2, 0.6 + 0.24 * len(curves.names))) if ax is None else ax
    shown = _shown(curves, ppm_range)
    rows = result.flat()
    amplitude, sd = rows.parameters.amplitude[index], rows.sd.amplitude[index]
    notes = [_percent_text(float(a), float(s)) for a, s in zip(amplitude, sd, strict=True)]
    _stack(axes, curves.ppm[shown], curves.members[:, shown], curves.names, notes)
    axes.text(1.0, 1.0, " name, SD", transform=axes.transAxes, fontsize=7, va="top", style="italic")
    _ppm_axis(axes, curves.ppm[shown])
    return axes


def basis_figure(basis: Basis, *, ppm_range: tuple[float, float] | None = None, width_hz: float = 3.0) -> Figure:
    """Each member of a basis set by itself, one below the other, real part.

    Args:
        basis: the basis set.
        ppm_range: lower and upper limit of the axis, ppm; 0.2 to 5 for 1H and the whole band for other nuclei.
        width_hz: Gaussian width given to the lines so that they can be seen, Hz; the basis is not changed.

    Raises:
        InputError: the limits do not fit the axis.
    """
    acquisition = basis.acquisition
    width = jnp.asarray(width_hz**2)
    broad = jnp.asarray(basis.fid) * voigt_decay(jnp.asarray(basis.time_s), jnp.zeros(()), width)[None]
    spectra, ppm = np.asarray(spectrum_of(broad).real), basis.ppm
    if ppm_range is None and acquisition.nucleus == "1H" and ppm.min() < 0.2 and ppm.max() > 5:
        ppm_range = (0.2, 5.0)
    shown = slice(None) if ppm_range is None else acquisition.window(basis.n_points, ppm_range)
    figure = Figure(figsize=(7.2, 0.8 + 0.3 * len(basis.names)), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    _stack(axes, ppm[shown], spectra[:, shown], basis.names, [""] * len(basis.names))
    _ppm_axis(axes, ppm[shown])
    return figure


def fit_figure(result: FitResult, *, index: int = 0, ppm_range: tuple[float, float] | None = None) -> Figure:
    """`plot_fit` and, below it, `plot_members` on one ppm axis.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.
        ppm_range: lower and upper limit of the axis, ppm; all of the fit window when absent.

    Raises:
        InputError: as `plot_fit`.
    """
    upper, lower = 3.6, max(0.2 * len(result.names), 1.5)
    top, gap, bottom = 0.35, 0.12, 0.55
    total = top + upper + gap + lower + bottom
    figure = Figure(figsize=(7.2, total), dpi=150)
    left, width = 0.05, 0.80
    above = figure.add_axes((left, (bottom + lower + gap) / total, width, upper / total))
    below = figure.add_axes((left, bottom / total, width, lower / total))
    plot_fit(result, index=index, ax=above, ppm_range=ppm_range)
    plot_members(result, index=index, ax=below, ppm_range=ppm_range)
    above.set_xlabel("")
    above.tick_params(labelbottom=False)
    return figure


def plot_correlation(result: FitResult, *, index: int = 0, ax: Axes | None = None) -> Axes:
    """Correlation between the amplitudes of one fit, from their covariance.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: no such spectrum, or it could not be fitted.
    """
    number = checked_index(result, index)
    matrix = correlation(np.asarray(result.flat().amplitude_covariance[number], np.float64))
    if not np.isfinite(matrix).all():
        raise InputError(f"spectrum {number} could not be fitted, so that it has no correlations")
    size = 1.6 + 0.2 * len(result.names)
    axes = _new_axes((size + 0.6, size)) if ax is None else ax
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ticks = np.arange(len(result.names))
    axes.set_xticks(ticks, result.names, rotation=90, fontsize=7)
    axes.set_yticks(ticks, result.names, fontsize=7)
    axes.tick_params(length=0)
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("correlation of the amplitudes", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return axes


def plot_lineshape(result: FitResult, *, index: int = 0, ax: Axes | None = None) -> Axes:
    """The lineshape kernel of one fit: what every line was convolved with beyond its own width.

    To the right is lower ppm, as on the axis of a spectrum. The band is one standard deviation either way.

    Args:
        result: from `diffmrs.fit`, with a lineshape kernel.
        index: which spectrum, counted over all leading axes.
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: no such spectrum, it could not be fitted, or the model has no kernel.
    """
    number, rows = checked_index(result, index), result.flat()
    offset_hz = result.model.lineshape.kernel_hz
    if not offset_hz.size:
        raise InputError("the model has no lineshape kernel; fit with Lineshape(kernel_half_width_hz=...)")
    weight, sd = rows.parameters.lineshape[number], rows.sd.lineshape[number]
    if not np.isfinite(weight).all():
        raise InputError(f"spectrum {number} could not be fitted, so that it has no lineshape kernel")
    axes = _new_axes((4.2, 2.4)) if ax is None else ax
    axes.fill_between(offset_hz, np.maximum(weight - sd, 0.0), weight + sd, color=GREY, alpha=0.3, linewidth=0)
    axes.plot(offset_hz, weight, color=FIT, linewidth=1.2, marker="o", markersize=2.5)
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    axes.set_xlabel("offset (Hz), to the right lower ppm", fontsize=9)
    axes.set_ylabel("weight in the kernel", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _stack(axes: Axes, ppm: np.ndarray, spectra: np.ndarray, names: tuple[str, ...], notes: list[str]) -> None:
    """Labelled traces one below the other, macromolecules and lipids last and grey."""
    order = sorted(range(len(names)), key=lambda k: is_macromolecule(names[k]))
    traces = spectra[order]
    offsets = _packed(traces, _inches_high(axes))
    colour = 0
    for k, trace, offset in zip(order, traces, offsets, strict=True):
        heavy = is_macromolecule(names[k])
        ink = GREY if heavy else PALETTE[colour % len(PALETTE)]
        colour += not heavy
        axes.plot(ppm, trace + offset, color=ink, linewidth=1.0)
        label = f" {names[k]}  {notes[k]}"
        axes.text(1.0, offset, label, transform=axes.get_yaxis_transform(), color=ink, fontsize=8, va="center")
    placed = traces + offsets[:, None]
    room = 10 * _POINT / _inches_high(axes) * max(float(np.ptp(placed)), 1e-30)  # of a label
    axes.set_ylim(placed.min() - room, placed.max() + 1.6 * room)


def _new_axes(size: tuple[float, float]) -> Axes:
    return Figure(figsize=size, dpi=150, layout="constrained").add_subplot()


def _ppm_axis(axes: Axes, ppm: np.ndarray) -> None:
    """The one place that turns the chemical-shift axis round: ppm falls from left to right."""
    axes.set_xlim(float(ppm.max()), float(ppm.min()))
    axes.set_xlabel("chemical shift (ppm)", fontsize=9)
    axes.set_ylabel("signal (arbitrary units)", fontsize=9)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _shown(curves: Curves, ppm_range: tuple[float, float] | None) -> np.ndarray:
    """Which points are drawn."""
    if ppm_range is None:
        return np.ones(curves.ppm.size, bool)
    shown = (curves.ppm >= ppm_range[0]) & (curves.ppm <= ppm_range[1])
    if shown.sum() < 2:
        raise InputError(
            f"ppm range of the figure is {ppm_range[0]:g} to {ppm_range[1]:g}; the fit covers "
            f"{curves.ppm.min():.2f} to {curves.ppm.max():.2f} ppm"
        )
    return shown


def _title(result: FitResult, index: int) -> str:
    numbers = {name: values[index] for name, values in fit_numbers(result).items()}
    status = Status(int(result.flat().status[index]))
    parts = [f"spectrum {index}"] if result.data.n_spectra > 1 else []
    if np.isfinite(numbers["snr"]):
        parts.append(f"SNR {numbers['snr']:.0f}")
    parts.append(f"linewidth {numbers['linewidth_hz']:.1f} Hz ({numbers['linewidth_ppm']:.3f} ppm)")
    if status != Status.CONVERGED:
        parts.append(status.explanation.split(";")[0])
    return ", ".join(parts)


def _percent_text(amplitude: float, sd: float) -> str:
    percent = 100 * sd / amplitude if amplitude > 0 else np.inf
    return f"{percent:.{0 if percent >= 1 else 1}f} %" if percent < 100 else "> 100 %"


def _inches_high(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return float(axes.get_position().height * figure.get_size_inches()[1])


def _packed(traces: np.ndarray, inches: float) -> np.ndarray:
    """Offset of each trace, from the top down: close together, but neither curves nor their labels may touch."""
    gap = 0.02 * float(np.ptp(traces))
    label = 0.0
    for _ in range(8):  # the room a label needs depends on the height of the whole, which depends on that room
        offsets = [0.0]
        floor = traces[0].copy()
        for trace in traces[1:]:
            touching = float((floor - trace).min()) - gap
            offsets.append(min(touching, offsets[-1] - label))
            floor = np.minimum(floor, trace + offsets[-1])
        height = float(traces[0].max() - floor.min())
        label = 10 * _POINT / inches * height
    return np.array(offsets)
