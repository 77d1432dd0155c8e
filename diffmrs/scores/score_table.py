"""Scores as a table: one row per metabolite and stratum, as plain numbers, and as a CSV file."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.scores.accuracy import Accuracy, accuracy, bootstrap, interval
from diffmrs.scores.arrays import pair
from diffmrs.scores.bounds import sd_over_crlb
from diffmrs.scores.calibration import Calibration, gaussian_calibration, sample_calibration
from diffmrs.scores.ranks import pit_test, rank_test, sbc_ranks

Row = dict[str, Any]
_WITH_INTERVALS = ("bias", "sd", "rmse", "slope", "r2", "skill")
_ONE_NUMBER = ("crps", "nll", "z_mean", "z_sd", "error_correlation", "error_correlation_expected")


def score_table(
    names: Sequence[str],
    truth: Any,
    estimate: Any,
    *,
    sd: Any = None,
    samples: Any = None,
    crlb_sd: Any = None,
    constant: Any = None,
    strata: Mapping[str, np.ndarray] | None = None,
    draws: int = 500,
    seed: int = 0,
    **labels: Any,
) -> list[Row]:
    """Every score of one estimator.

    Args:
        names: of the metabolites.
        truth: finite. [spectra, metabolites]
        estimate: what is not finite counts as failed. [spectra, metabolites]
        sd: stated standard deviations, for calibration as Gaussians. [spectra, metabolites]
        samples: posterior samples, for calibration instead. [draws, spectra, metabolites]
        crlb_sd: Cramér-Rao bound of each, for `sd_over_crlb`. [spectra, metabolites]
        constant: mean of the training truth, for the skill; that of `truth` when absent. [metabolites]
        strata: masks of spectra by label, as `strata` gives them; all spectra always come first. Strata with fewer
            than 2 spectra are left out.
        draws: of the bootstrap behind the columns `..._low` and `..._high` (95 %); 0 for none.
        seed: of the bootstrap.
        labels: what each row begins with, for example `estimator="MAP"`.

    Returns:
        One dict per stratum and metabolite.

    Raises:
        InputError: something does not fit.
    """
    true, other = pair(truth, estimate)
    if len(names) != true.shape[1]:
        raise InputError(f"there are {len(names)} names for {true.shape[1]} metabolites")
    if sd is not None and samples is not None:
        raise InputError("both sd and samples are given; one of them tells the uncertainty")
    groups = {"all": np.ones(len(true), bool), **(strata or {})}
    rows = []
    for label, mask in groups.items():
        if np.shape(mask) != (len(true),):
            raise InputError(f"the stratum {label!r} has shape {np.shape(mask)}; it must hold {len(true)} booleans")
        kept = np.asarray(mask, bool)
        if kept.sum() < 2:
            continue
        columns = _accuracy(true[kept], other[kept], constant, draws, seed)
        if crlb_sd is not None:
            columns["sd_over_crlb"] = sd_over_crlb(true[kept], other[kept], np.asarray(crlb_sd)[kept])
        if sd is not None:
            stated = gaussian_calibration(true[kept], other[kept], np.asarray(sd)[kept])
            columns |= _calibration(stated)
            columns["uniformity_p"] = _or_nan(lambda stated=stated: pit_test(stated.pit)[1], len(names))
        if samples is not None:
            drawn = np.asarray(samples)[:, kept]
            columns |= _calibration(sample_calibration(true[kept], drawn))
            columns["uniformity_p"] = _or_nan(lambda kept=kept, drawn=drawn: _ranks_p(true[kept], drawn), len(names))
        for k, name in enumerate(names):
            numbers = {column: float(values[k]) for column, values in columns.items()}
            rows.append({**labels, "stratum": label, "metabolite": name, **numbers})
    return rows


def write_score_table(path: str | Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, whole or not at all; the columns are all keys, in the order in which they first occur.

    Cells of numbers that are not finite are empty.

    Raises:
        InputError: there are no rows, or the file cannot be written.
    """
    listed = list(rows)
    if not listed:
        raise InputError(f"{path}: there are no scores to write")
    columns = list(dict.fromkeys(column for row in listed for column in row))
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in listed)


def _accuracy(true: np.ndarray, other: np.ndarray, constant: Any, draws: int, seed: int) -> dict[str, np.ndarray]:
    scores = accuracy(true, other, constant=constant)
    columns = {one.name: getattr(scores, one.name) for one in fields(Accuracy)}
    if draws:
        low, high = interval(bootstrap(true, other, constant=constant, draws=draws, seed=seed))
        for name in _WITH_INTERVALS:
            columns |= {f"{name}_low": getattr(low, name), f"{name}_high": getattr(high, name)}
    return columns


def _calibration(stated: Calibration) -> dict[str, np.ndarray]:
    columns = {"stated": stated.n}
    for level, covered, scatter, width in zip(
        stated.levels, stated.coverage, stated.coverage_se, stated.width, strict=True
    ):
        percent = f"{100 * level:g}"
        columns |= {f"coverage{percent}": covered, f"coverage{percent}_se": scatter, f"width{percent}": width}
    return columns | {name: getattr(stated, name) for name in _ONE_NUMBER}


def _ranks_p(true: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    whole = np.isfinite(drawn).all(axis=(0, 2))
    return rank_test(sbc_ranks(true[whole], drawn[:, whole]), len(drawn))[1]


def _or_nan(test: Any, count: int) -> np.ndarray:
    """The p values of a test, or NaN where it cannot be made: too few spectra."""
    try:
        return test()
    except InputError:
        return np.full(count, np.nan)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return "" if value is None else value
