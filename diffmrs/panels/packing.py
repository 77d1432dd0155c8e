"""A fitted volume as text inside a page: JSON for names, base64 for numbers."""

import base64
import json
from typing import Any

import numpy as np
from matplotlib import colormaps

from diffmrs.panels.budget import Room, halved, rows_on_page, spread
from diffmrs.panels.content import VolumeContent
from diffmrs.panels.figure import KINDS
from diffmrs.panels.spectra import VoxelCurves
from diffmrs.panels.view import View, robust_limits
from diffmrs.quality import FLAGS

FULL_SCALE = 32767  # of a quantised curve; -32768 stands for no value


def packed(content: VolumeContent, view: View, limit_bytes: int) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """The data of a page.

    Args:
        content: what to show.
        view: how slices lie on screen.
        limit_bytes: size of the page.

    Returns:
        Names and sizes for JSON; arrays as base64 by name; what was left out, in words.
    """
    kept = rows_on_page(content.layout, limit_bytes, len(content.maps))
    n_numbers = len(content.numbers) * len(content.names)
    room = Room(kept.size, limit_bytes, len(content.maps), n_numbers)
    numbered = spread(kept, room.n_tables)
    curves, left_out = _fitting(content.curves, kept, room)
    statuses, codes = np.unique(np.asarray(content.status, str), return_inverse=True)
    extras = np.unique(content.layout.spectrum()[kept])

    if kept.size < content.n_spectra:
        left_out.insert(0, f"Maps of {kept.size} of {content.n_spectra} spectra are on this page, evenly chosen.")
    if room.bytes_of_a_map == 2:
        left_out.append("The values of the maps are rounded to 0.4 %; those in the result files are not.")
    if numbered.size < kept.size:
        left_out.append(
            f"The table of metabolites is on this page for {numbered.size} of {content.n_spectra} spectra, evenly "
            "chosen; the result files have it for all."
        )
    meta = {
        "shape": list(content.layout.space),
        "extra": list(content.layout.extra),
        "nExtra": content.layout.n_extra,
        "extras": extras.tolist(),
        "view": {
            "across": view.across,
            "down": view.down,
            "through": view.through,
            "flipAcross": view.flip_across,
            "flipDown": view.flip_down,
            "letters": view.letters,
            "aspect": view.aspect,
        },
        "mapBytes": room.bytes_of_a_map,
        "maps": [
            {
                "name": one.name,
                "unit": one.unit,
                "meaning": one.meaning,
                "labels": list(one.labels),
                "limits": robust_limits(one.values),
            }
            for one in content.maps
        ],
        "names": list(content.names),
        "nSums": content.n_sums,
        "columns": list(content.numbers),
        "statuses": statuses.tolist(),
        "flags": [{"name": flag.name, "severe": flag.severe, "meaning": flag.meaning} for flag in FLAGS],
        "ppm": [round(float(ppm), 5) for ppm in curves.ppm],
        "kinds": list(KINDS),
    }
    maps = np.stack([one.values[kept] for one in content.maps]).astype(np.float32)
    levels, scale = quantised(curves)
    arrays = {
        "cells": content.layout.rows[kept].astype("<i4"),
        "flags": content.flags[kept].astype("<u4"),
        "status": codes.reshape(-1)[kept].astype("u1"),
        "marked": content.marked[kept].astype("u1"),
        "maps": maps.astype("<f4") if room.bytes_of_a_map == 4 else upper_half(maps),
        # Counted among the spectra on the page.
        "number_rows": np.searchsorted(kept, numbered).astype("<i4"),
        "numbers": np.stack([content.numbers[kind][numbered] for kind in content.numbers]).astype("<f4"),
        "curve_rows": np.searchsorted(kept, curves.rows).astype("<i4"),
        "curves": levels,
        "scale": scale,
        "viridis": (np.asarray(colormaps["viridis"](np.arange(256)))[:, :3] * 255).round().astype("u1"),
    }
    return meta, {name: base64.b64encode(array.tobytes()).decode() for name, array in arrays.items()}, left_out


def quantised(curves: VoxelCurves) -> tuple[np.ndarray, np.ndarray]:
    """Curves as integers, with the value of one step for each spectrum.

    Returns:
        Data, fit and baseline, [voxels, 3, window], int16, and the data units per step, [voxels], float32.
    """
    stacked = np.stack([curves.data, curves.fit, curves.baseline], axis=1)
    known = np.isfinite(stacked)
    whole = np.where(known, stacked, 0.0)
    largest = np.abs(whole).max(axis=(1, 2), initial=0.0)
    scale = np.where(largest > 0, largest / FULL_SCALE, 1.0).astype("<f4")
    steps = np.clip(np.rint(whole / scale[:, None, None]), -FULL_SCALE, FULL_SCALE)
    return np.where(known, steps, -FULL_SCALE - 1).astype("<i2"), scale


def upper_half(values: np.ndarray) -> np.ndarray:
    """float32 rounded to its upper 16 bits: sign, exponent and 8 binary digits."""
    bits = np.where(np.isfinite(values), values, np.float32(np.nan)).astype("<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def safe_json(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _fitting(curves: VoxelCurves | None, kept: np.ndarray, room: Room) -> tuple[VoxelCurves, list[str]]:
    """As many curves as there is room for, and what was left out."""
    if curves is None:
        nothing = np.zeros((0, 0), np.float32)
        none = VoxelCurves(np.zeros(0), nothing, nothing, nothing, np.zeros(0, int))
        return none, ["No spectra are on this page."]
    order = np.argsort(curves.rows, kind="stable")
    rows, left_out = curves.rows[order], []
    on_page = rows[np.isin(rows, kept)]
    times = room.halvings(on_page.size, curves.ppm)
    chosen = spread(on_page, room.n_curves(on_page.size, curves.ppm))
    picked = order[np.isin(rows, chosen)]
    stacks = (curves.data[picked], curves.fit[picked], curves.baseline[picked])
    fewer = halved(VoxelCurves(curves.ppm, *stacks, curves.rows[picked]), times)
    if times:
        left_out.append(
            f"Spectra are drawn with {abs(fewer.ppm[1] - fewer.ppm[0]):.4f} ppm from point to point: {2**times} "
            "neighbouring points averaged, which makes noise look smaller."
        )
    if chosen.size < kept.size:
        left_out.append(f"The spectra of {chosen.size} of {kept.size} fits are on this page, evenly chosen.")
    return fewer, left_out
