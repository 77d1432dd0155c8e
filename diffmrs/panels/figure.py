"""Panels of maps: one row of slices per quantity, all on one colour scale."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from diffmrs.errors import InputError
from diffmrs.panels.content import VolumeContent
from diffmrs.panels.view import View, robust_limits, view_of

BACKGROUND = "#b8b8b8"
KINDS = ("#56B4E9", "#E69F00", "#9B2D1F", "#CC79A7", "#009E73")  # Okabe & Ito 2008, the third one darker
_MOST_SLICES, _PANELS_PER_ROW, _MOST_BLOCKS = 8, 8, 4
_PANEL, _BAR, _GAP, _TOP, _BOTTOM, _LEFT = 1.15, 0.95, 0.06, 0.45, 0.35, 0.15  # inches
_SPACE = 0.32  # inches between rows, for their titles


def map_figure(
    maps: Mapping[str, np.ndarray],
    mask: np.ndarray,
    *,
    slices: Sequence[int] | None = None,
    units: Mapping[str, str] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    marked: np.ndarray | None = None,
    affine: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """Maps as panels: a block of slices and a colour bar for each quantity.

    The colour scale of a quantity is common to its slices and runs from the 2nd to the 98th percentile inside the
    mask. Voxels that were not fitted, or hold no value, are grey.

    Args:
        maps: quantities by name; NaN where there is no value. [x, y, z] each
        mask: voxels that were fitted. [x, y, z]
        slices: which slices; up to eight of those with fitted voxels, evenly spaced, when absent.
        units: of the quantities, by name.
        labels: words for the values 0, 1, ... of quantities that are kinds and not numbers, by name.
        marked: voxels to strike through: those not to be used. [x, y, z]
        affine: voxels to mm, for the orientation, [4, 4].
        title: heading.

    Returns:
        The figure. Its axes are labelled "NAME, slice K", those of the colour bars "NAME".

    Raises:
        InputError: no map, a map of another shape than the mask, no voxel in the mask, or no such slice.
    """
    inside = np.asarray(mask) > 0
    _check(maps, inside, marked)
    view = view_of((inside.shape[0], inside.shape[1], inside.shape[2]), affine)
    shown = slices_shown(inside, view) if slices is None else [int(k) for k in slices]
    if not shown or min(shown) < 0 or max(shown) >= inside.shape[view.through]:
        raise InputError(f"slices are {shown}; there are {inside.shape[view.through]}, counted from 0")
    rows, columns = _crop(inside, view)
    blocks = max(1, min(_PANELS_PER_ROW // len(shown), _MOST_BLOCKS, len(maps)))
    width, height = _PANEL, _PANEL * view.aspect * (rows.stop - rows.start) / (columns.stop - columns.start)
    width, height = (width, height) if height <= 2 * _PANEL else (2 * _PANEL * width / height, 2 * _PANEL)
    block = len(shown) * (width + _GAP) + _BAR
    lines = -(-len(maps) // blocks)
    total = (_LEFT + blocks * block, _TOP + lines * (height + _SPACE) + _BOTTOM)
    figure = Figure(figsize=total, dpi=130)
    struck = np.zeros_like(inside) if marked is None else np.asarray(marked) > 0

    for number, (name, values) in enumerate(maps.items()):
        line, column = divmod(number, blocks)
        bottom = total[1] - _TOP - (line + 1) * (height + _SPACE) + _SPACE / 2
        volume = np.where(inside, values, np.nan)
        kinds = tuple((labels or {}).get(name, ()))
        colours, scale = _colours(volume, kinds)
        first = _LEFT + column * block
        for position, k in enumerate(shown):
            left = first + position * (width + _GAP)
            axes = figure.add_axes((left / total[0], bottom / total[1], width / total[0], height / total[1]))
            axes.set_label(f"{name}, slice {k}")
            picture = view.picture(volume, k)[rows, columns]
            image = axes.imshow(
                np.ma.masked_invalid(picture), cmap=colours, norm=scale, interpolation="nearest", aspect="auto"
            )
            _strike(axes, view.picture(struck & inside, k)[rows, columns])
            _bare(axes)
            if line == 0:
                axes.text(0.5, 1.0, f"slice {k}\n", transform=axes.transAxes, ha="center", va="bottom", fontsize=7)
            if position == 0:
                axes.set_title(name, loc="left", fontsize=9, pad=2, fontweight="bold")
            if number == 0 and position == 0:
                _letters(axes, view)
        left = first + len(shown) * (width + _GAP) + 0.03
        place = (left / total[0], bottom / total[1], 0.09 / total[0], height / total[1])
        _bar(figure, place, image, name, (units or {}).get(name, ""), kinds, bool(np.isfinite(volume).any()))
    figure.text(_LEFT / total[0], 1 - 0.08 / total[1], title, fontsize=10, va="top")
    notes = [view.note, "Grey: not fitted or no value."]
    notes += ["Struck through: severe flag or not converged."] * bool(struck.any())
    figure.text(_LEFT / total[0], 0.1 / total[1], "\n".join(_wrapped(notes, total[0])), fontsize=7, va="bottom")
    return figure


def content_figure(
    content: VolumeContent, *, spectrum: int = 0, affine: np.ndarray | None = None, title: str = ""
) -> Figure:
    """`map_figure` of a fitted volume.

    Args:
        content: from `page_content`.
        spectrum: which spectrum of each voxel, an index into the flattened extra dimensions.
        affine: voxels to mm, for the orientation, [4, 4].
        title: heading.

    Raises:
        InputError: there is no such spectrum, or none of it was fitted.
    """
    if not 0 <= spectrum < content.layout.n_extra:
        raise InputError(f"spectrum {spectrum} was asked for; each voxel has {content.layout.n_extra}, counted from 0")
    return map_figure(
        {one.name: content.volume(one.values, spectrum) for one in content.maps},
        np.isfinite(content.volume(np.zeros(content.n_spectra), spectrum)),
        units={one.name: one.unit for one in content.maps},
        labels={one.name: one.labels for one in content.maps},
        marked=content.volume(content.marked.astype(float), spectrum) > 0,
        affine=affine,
        title=title,
    )


def slices_shown(inside: np.ndarray, view: View) -> list[int]:
    """Up to eight slices with fitted voxels, evenly spaced."""
    filled = np.flatnonzero(inside.any(axis=(view.across, view.down)))
    count = min(_MOST_SLICES, filled.size)
    # The middles of equal shares: the outermost slices hold the least.
    picked = (np.arange(count) + 0.5) * filled.size / max(count, 1)
    return [int(filled[int(k)]) for k in picked]


def _check(maps: Mapping[str, np.ndarray], inside: np.ndarray, marked: np.ndarray | None) -> None:
    if not maps:
        raise InputError("there is no map to draw; give at least one")
    if inside.ndim != 3 or not inside.any():
        raise InputError(
            f"the mask has the shape {inside.shape}, {int(inside.sum())} voxels in it; it must have three "
            "axes and at least one voxel"
        )
    others = dict(maps) if marked is None else {**maps, "the marked voxels": marked}
    for name, values in others.items():
        if np.shape(values) != inside.shape:
            raise InputError(f"the map of {name} has the shape {np.shape(values)}; the mask has {inside.shape}")


def _crop(inside: np.ndarray, view: View) -> tuple[slice, slice]:
    """The part of a picture with fitted voxels, and one more voxel around it where there is one."""
    flat = np.expand_dims(inside.any(axis=view.through), view.through)
    picture = view.picture(flat, 0)
    spans = [np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(max(int(span[0]) - 1, 0), int(span[-1]) + 2) for span in spans)
    return slice(rows.start, min(rows.stop, picture.shape[0])), slice(
        columns.start, min(columns.stop, picture.shape[1])
    )


def _colours(volume: np.ndarray, kinds: tuple[str, ...]) -> tuple[Colormap, Normalize]:
    if kinds:
        colours: Colormap = ListedColormap(list(KINDS[: len(kinds)]))
        scale: Normalize = BoundaryNorm(np.arange(len(kinds) + 1) - 0.5, len(kinds))
    else:
        colours, scale = colormaps["viridis"], Normalize(*robust_limits(volume))
    return colours.with_extremes(bad=BACKGROUND), scale


def _strike(axes: Axes, struck: np.ndarray) -> None:
    """A diagonal through each marked voxel: a hatch where many lie together."""
    rows, columns = np.nonzero(struck)
    if rows.size:
        ends = np.array([[-0.42, 0.42], [0.42, -0.42]])
        lines = np.stack([columns, rows], axis=-1)[:, None, :] + ends[None]
        width = float(np.clip(18 / max(struck.shape), 0.35, 1.0))
        effects = [Stroke(linewidth=2.6 * width, foreground="white"), Normal()]
        axes.add_collection(LineCollection(list(lines), colors="black", linewidths=width, path_effects=effects))


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _letters(axes: Axes, view: View) -> None:
    places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"))
    for letter, (x, y, horizontal, vertical) in zip(
        view.letters, (*places, (0.5, 0.98, "center", "top"), (0.5, 0.02, "center", "bottom")), strict=False
    ):
        text = axes.text(x, y, letter, transform=axes.transAxes, ha=horizontal, va=vertical, fontsize=7)
        text.set_path_effects([Stroke(linewidth=1.6, foreground="white"), Normal()])


def _bar(
    figure: Figure,
    place: tuple[float, float, float, float],
    image: ScalarMappable,
    name: str,
    unit: str,
    kinds: tuple[str, ...],
    any_value: bool,
) -> None:
    axes = figure.add_axes(place)
    bar = figure.colorbar(image, cax=axes)
    axes.set_label(name)
    axes.spines[:].set_linewidth(0.4)
    axes.tick_params(labelsize=6, length=2, pad=1.5)
    if kinds:
        bar.set_ticks(list(range(len(kinds))), labels=list(kinds))
    elif not any_value:
        bar.set_ticks([])
        unit = "no values"
    bar.set_label(unit, fontsize=7, labelpad=2)


def _wrapped(notes: list[str], inches: float) -> list[str]:
    """Notes on as few lines as the width allows."""
    room, lines = int(inches * 20), [""]
    for note in notes:
        joined = f"{lines[-1]} {note}".strip()
        lines = [*lines[:-1], joined] if len(joined) <= room else [*lines, note]
    return [line for line in lines if line]
