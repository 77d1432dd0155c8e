"""Figures of `fit_vs_learned.py`, from its numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from vs_setting import NINE

from diffmrs.plot import GREY, PALETTE

INKS = (*PALETTE, "#6A51A3", "#000000")
LEVELS = ("50", "68", "90", "95")
SHOWN = {
    "ridge": "ridge on spectra",
    "least squares, not negative": "least squares, amplitudes ≥ 0",
    "least squares in the ranges": "least squares, in the ranges",
    "supervised": "supervised network",
    "physics decoder, as published": "physics decoder (published loss)",
    "posterior, Gaussian": "amortised posterior",
    "posterior, Gaussian + 2 steps": "amortised posterior + 2 steps",
    "fit with the prior (MAP, Laplace)": "fit with the prior",
}
UNSURE = {
    "fit with the prior (MAP, Laplace)": "fit with the prior, Laplace",
    "posterior, Gaussian": "amortised Gaussian",
    "posterior, flow": "amortised flow",
    "posterior, self-supervised": "self-supervised Gaussian",
    "ensemble of variance heads": "ensemble of variance heads",
    "dropout left on": "dropout left on",
    "posterior, Gaussian, CRLB": "network, CRLB",
    "least squares, not negative": "least squares, CRLB",
}


def draw(results: Mapping[str, Any], stem: Path) -> None:
    """All figures for which there are numbers."""
    if "scores" in results:
        _accuracy(results).savefig(stem.with_name(f"{stem.name}_r2.png"))
        _coverage(results).savefig(stem.with_name(f"{stem.name}_coverage.png"))
    if "strange" in results:
        _suite(results["strange"]).savefig(stem.with_name(f"{stem.name}_strange.png"))


def _accuracy(results: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(7.2, 4.2), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(NINE))
    names = [name for name in SHOWN if name in results["scores"]]
    offsets = np.linspace(-0.32, 0.32, len(names))
    for name, offset, ink in zip(names, offsets, INKS, strict=False):
        values = np.array([results["scores"][name]["r2"][one] for one in NINE])
        axes.plot(at + offset, np.maximum(values, -0.45), "o", color=ink, markersize=5, label=SHOWN[name])
        for x, value in zip(at + offset, values, strict=True):
            if value < -0.45:  # off the figure
                axes.plot([x, x], [-0.43, -0.49], color=ink, linewidth=1.2)
    best = [results["bounds"]["bayesian_r2"][one] for one in NINE]
    axes.hlines(best, at - 0.4, at + 0.4, color=GREY, linewidth=1.2, label="Bayesian bound")
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle="--", label="constant predictor")
    axes.set_xticks(at, NINE, fontsize=9)
    axes.set_ylim(-0.5, 1.02)
    axes.set_ylabel("R²", fontsize=9)
    figure.legend(fontsize=7, frameon=False, ncols=4, loc="outside upper center")
    return _finished(figure)


def _coverage(results: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(7.2, 3.6), dpi=130, layout="constrained")
    left, right = figure.subplots(1, 2)
    nominal = np.array([float(one) / 100 for one in LEVELS])
    left.plot([0.4, 1], [0.4, 1], color=GREY, linewidth=1)
    names = [name for name in UNSURE if name in results["scores"]]
    for number, name in enumerate(names):
        row = results["scores"][name]
        ink = INKS[number]
        left.plot(nominal, [row[f"mean_coverage{one}"] for one in LEVELS], "o-", color=ink, markersize=3, linewidth=1.2)
        right.barh(-number, row["mean_crps"], color=ink, height=0.7)
    left.set_xlabel("nominal coverage", fontsize=9)
    left.set_ylabel("actual coverage, mean of nine", fontsize=9)
    right.set_yticks([-k for k in range(len(names))], [UNSURE[name] for name in names], fontsize=8)
    right.set_xlabel("CRPS, mean of nine (less is better)", fontsize=9)
    return _finished(figure)


def _suite(strange: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(7.6, 4.8), dpi=130, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    changes = [name for name in strange["errors"] if name != "usual"]
    at = -np.arange(len(changes))
    rates = [strange["flags"][name]["rate"] for name in changes]
    left.barh(at, rates, color=[PALETTE[0] if rate >= 0.95 else PALETTE[1] for rate in rates], height=0.7)
    alarms = strange["flags"]["false_alarms"]["rate"]
    left.axvline(alarms, color=GREY, linewidth=1)
    left.set_yticks(at, [name.replace("_", " ") for name in changes], fontsize=8)
    left.set_xlabel(f"share flagged (line: false alarms, {100 * alarms:.1f} %)", fontsize=9)
    lines = {"fit with the prior (MAP, Laplace)": ("fit with the prior", "#000000"), "posterior, Gaussian": ("network",
             PALETTE[0]), "posterior, Gaussian + 2 steps": ("network + 2 steps", PALETTE[2]),
             "constant": ("constant", GREY)}  # fmt: skip
    for name, (label, ink) in lines.items():
        values = [strange["errors"][change][name]["error"] for change in changes]
        right.plot(values, at, "o", color=ink, markersize=4, label=label)
    right.set_xscale("log")
    right.set_xlabel("error of the nine, in SD of their ranges", fontsize=9)
    right.legend(fontsize=7, frameon=False)
    return _finished(figure)


def _finished(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
