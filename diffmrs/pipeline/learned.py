"""`diffmrs quantify`: what a trained network says of measured spectra by itself, beside the fit that follows it."""

import csv
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.combine import combinations_of
from diffmrs.io.atomic import atomic_write
from diffmrs.learn.quantifier import Told
from diffmrs.pipeline.inputs import Inputs

POSTERIOR = "posterior.csv"
STRANGE = "strangeness.csv"
_AT_ONCE = 1024  # spectra
_SEED = 0


@dataclass(frozen=True)
class Learned:
    """Posteriors of all spectra, as quantiles.

    Attributes:
        names: metabolites, and sums of them.
        rows: of the fitted spectra, as indices into the flattened leading axes.
        numbers: mean, standard deviation, and the ends of the central 95 % of each amplitude. [spectra, names, 4]
        ratios: mean and standard deviation of the ratio to total creatine; NaN without creatine. [spectra, names, 2]
        misfit: mean squared residual over the noise. [spectra]
        distance: mean squared coordinate. [spectra]
        outside: which spectra are unlike those of the training. [spectra]
    """

    names: tuple[str, ...]
    rows: np.ndarray
    numbers: np.ndarray
    ratios: np.ndarray
    misfit: np.ndarray
    distance: np.ndarray
    outside: np.ndarray

    @property
    def note(self) -> str:
        """One line about what lies outside, or nothing."""
        count = int(self.outside.sum())
        if not count:
            return ""
        return (
            f"{count} of {len(self.rows)} spectra are unlike those that the network was trained on (strangeness.csv): "
            "do not rely on posterior.csv there."
        )


def learned_of(inputs: Inputs) -> Learned:
    """What the network says of every spectrum."""
    starter = inputs.starter
    assert starter is not None
    sums, weights = combinations_of(inputs.basis.names)
    names = (*inputs.basis.names, *sums)
    every = np.concatenate([np.eye(len(inputs.basis.names)), np.asarray(weights).reshape(len(sums), -1)])
    creatine = names.index("tCr") if "tCr" in names else None
    parts = []
    for first in range(0, len(inputs.layout.rows), _AT_ONCE):
        rows = inputs.layout.rows[first : first + _AT_ONCE]
        fids = jnp.asarray(inputs.conditioned(rows, inputs.raw(rows)).fid, jnp.complex64)
        told = starter.tell(fids, jax.random.fold_in(jax.random.key(_SEED), first))
        parts.append((_numbers(told, every), _ratios(told, every, creatine), told, starter.outside(told)))
    numbers, ratios, told_parts, outside = zip(*parts, strict=True)
    return Learned(
        names,
        inputs.layout.rows,
        np.concatenate(numbers),
        np.concatenate(ratios),
        np.concatenate([np.asarray(told.misfit) for told in told_parts]),
        np.concatenate([np.asarray(told.distance) for told in told_parts]),
        np.concatenate(outside),
    )


def write_learned(folder: Path, learned: Learned, limits: tuple[float, float]) -> None:
    """Write `posterior.csv` and `strangeness.csv`.

    Raises:
        InputError: a file cannot be written.
    """
    with atomic_write(folder / POSTERIOR, text=True) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(
            ["spectrum", "metabolite", "mean", "sd", "low_95", "high_95", "ratio_tcr", "ratio_tcr_sd", "outside"]
        )
        for spectrum, row in enumerate(learned.rows):
            for k, name in enumerate(learned.names):
                values = [*learned.numbers[spectrum, k], *learned.ratios[spectrum, k]]
                cells = [f"{value:.6g}" if np.isfinite(value) else "" for value in values]
                table.writerow([int(row), name, *cells, bool(learned.outside[spectrum])])
    with atomic_write(folder / STRANGE, text=True) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["spectrum", "misfit", "usual_misfit", "distance", "usual_distance", "outside"])
        for spectrum, row in enumerate(learned.rows):
            found = (learned.misfit[spectrum], limits[0], learned.distance[spectrum], limits[1])
            shown = [f"{value:.6g}" if np.isfinite(value) else "" for value in found]
            table.writerow([int(row), *shown, bool(learned.outside[spectrum])])


def _numbers(told: Told, every: np.ndarray) -> np.ndarray:
    draws = np.asarray(told.amplitude, np.float64) @ every.T
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return np.stack([draws.mean(axis=0), draws.std(axis=0), low, high], axis=-1)


def _ratios(told: Told, every: np.ndarray, creatine: int | None) -> np.ndarray:
    draws = np.asarray(told.amplitude, np.float64) @ every.T
    if creatine is None:
        return np.full((*draws.shape[1:], 2), np.nan)
    ratio = draws / draws[..., creatine : creatine + 1]
    return np.stack([ratio.mean(axis=0), ratio.std(axis=0)], axis=-1)
