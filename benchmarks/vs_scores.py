"""Scores of all estimators of `fit_vs_learned.py` on the same spectra, means over seeds, and tables of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from vs_fits import Answer
from vs_setting import COUNT, NAMES, NINE, Given, amplitudes

from diffmrs.model.fisher import covariance_bound
from diffmrs.scores import accuracy, score_table, thirds
from diffmrs.scores.score_table import Row

KEPT = (
    "failed", "bias", "sd", "rmse", "slope", "intercept", "r2", "skill", "skill_with_failures", "sd_over_crlb",
    "rmse_over_bound", "coverage50", "coverage68", "coverage90", "coverage95", "width95", "crps", "nll", "z_sd",
    "error_correlation", "error_correlation_expected", "uniformity_p",
)  # fmt: skip


class Yardsticks:
    """What the errors of the tests are measured by: the bounds, and how hard each spectrum is.

    Attributes:
        crlb: bound of each amplitude at the truth, all nuisances unknown. [spectra, metabolites]
        bayesian: bound with the prior (Van Trees). [metabolites]
        strata: masks by linewidth and signal-to-noise ratio.
    """

    def __init__(self, given: Given):
        decoder, tests = given.setting.gaussian, given.tests

        def one(voxel: Any) -> tuple[jax.Array, jax.Array]:
            parameters, noise_sd = voxel
            _, columns = decoder.jacobian(decoder.latent.coordinates(parameters), noise_sd)
            information = columns.T @ columns
            return information, jnp.diagonal(covariance_bound(information))

        run = jax.jit(lambda voxels: jax.lax.map(one, voxels))
        information, variance = jax.tree.map(np.asarray, run((tests.parameters, tests.noise_sd)))
        spread = given.sd_of_prior[:COUNT]
        self.crlb = np.sqrt(variance[:, :COUNT]) * spread[None]
        whole = information.astype(np.float64).mean(axis=0) + np.eye(information.shape[-1])
        self.bayesian = np.sqrt(np.diag(np.linalg.inv(whole))[:COUNT]) * spread
        width = np.asarray(tests.parameters.lorentzian_fwhm_hz)[:, 0]
        self.strata = {**thirds(width, "width, Hz,"), **thirds(np.asarray(tests.snr), "SNR")}


def rows_of(name: str, seed: int, answer: Answer, given: Given, yard: Yardsticks) -> list[Row]:
    """One row per stratum and metabolite; all scores for all spectra, few for the strata."""
    truth = amplitudes(given.tests)
    rows = score_table(
        NAMES, truth, answer.amplitude, sd=answer.sd, samples=answer.samples, crlb_sd=yard.crlb,
        constant=given.mean[:COUNT], draws=0, estimator=name, seed=seed,
    )  # fmt: skip
    for row in rows:
        row["rmse_over_bound"] = row["rmse"] / yard.bayesian[NAMES.index(row["metabolite"])]
    covered = _covered(answer, truth)
    for label, mask in yard.strata.items():
        r2 = accuracy(truth[mask], answer.amplitude[mask]).r2
        for k, metabolite in enumerate(NAMES):
            row = {"estimator": name, "seed": seed, "stratum": label, "metabolite": metabolite, "r2": float(r2[k])}
            if covered is not None:
                row["coverage95"] = float(covered[mask, k].mean())
            rows.append(row)
    return rows + _by_position(name, seed, answer, given, truth)


def _covered(answer: Answer, truth: np.ndarray) -> np.ndarray | None:
    """Whether the interval of 95 % holds the truth."""
    if answer.samples is not None:
        low, high = np.quantile(answer.samples, [0.025, 0.975], axis=0, method="weibull")
        return np.asarray((low <= truth) & (truth <= high))
    return None if answer.sd is None else np.abs(answer.amplitude - truth) <= 1.96 * answer.sd


def _by_position(name: str, seed: int, answer: Answer, given: Given, truth: np.ndarray) -> list[Row]:
    """Bias of each third of the range of each metabolite, in units of the range's standard deviation."""
    spread = given.sd_of_prior
    rows = []
    for k, metabolite in enumerate(NAMES):
        for label, mask in thirds(truth[:, k], "range").items():
            where = ("lower", "middle", "upper")[0 if "below" in label else 2 if "from" in label else 1]
            off = (answer.amplitude[mask, k] - truth[mask, k]).mean() / spread[k]
            rows.append(
                {"estimator": name, "seed": seed, "stratum": f"{where} third", "metabolite": metabolite,
                 "bias": float(off)}
            )  # fmt: skip
    return rows


def over_seeds(rows: Iterable[Row]) -> list[Row]:
    """Means over the seeds of each estimator, stratum and metabolite; the range of R² beside it."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["estimator"], row["stratum"], row["metabolite"]), []).append(row)
    merged = []
    for (estimator, stratum, metabolite), same in groups.items():
        row: Row = {"estimator": estimator, "stratum": stratum, "metabolite": metabolite, "seeds": len(same)}
        for column in KEPT:
            values = [one[column] for one in same if column in one]
            if values:
                # Of p values the middle one: their mean has no meaning.
                row[column] = float(np.median(values) if column == "uniformity_p" else np.mean(values))
        r2 = [one["r2"] for one in same if "r2" in one]
        if len(r2) > 1:
            row |= {"r2_low": min(r2), "r2_high": max(r2)}
        merged.append(row)
    return merged


def summary(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Means over the nine metabolites of each estimator, and R² of each."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["estimator"] for row in rows):
        mine = [row for row in rows if row["estimator"] == name and row["metabolite"] in NINE]
        whole = [row for row in mine if row["stratum"] == "all"]
        entry: dict[str, Any] = {"r2": {row["metabolite"]: row["r2"] for row in whole}}
        for column in (one for one in KEPT if one not in ("bias", "intercept", "r2", "uniformity_p", "nll")):
            values = [row[column] for row in whole if column in row]
            if values:
                entry[f"mean_{column}"] = float(np.nanmean(values))
        p = [row["uniformity_p"] for row in whole if "uniformity_p" in row]
        if p:
            entry["uniformity_p"] = {row["metabolite"]: row["uniformity_p"] for row in whole}
        spread = [row["r2_high"] - row["r2_low"] for row in whole if "r2_low" in row]
        if spread:
            entry["largest_range_of_r2_over_seeds"] = max(spread)
        entry["strata"] = {
            label: {column: float(np.nanmean([row[column] for row in mine if row["stratum"] == label]))
                    for column in ("r2", "coverage95", "bias")
                    if all(column in row for row in mine if row["stratum"] == label)}
            for label in dict.fromkeys(row["stratum"] for row in mine) if label != "all"
        }  # fmt: skip
        found[name] = entry
    return found


def markdown(header: list[str], body: Iterable[list[Any]]) -> str:
    """A table; numbers with two digits after the point."""
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in body]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
    return str(value)


def tables(results: Mapping[str, Any]) -> str:
    """All tables of a run."""
    scores = results["scores"]
    parts = ["**R²**", markdown(["estimator", *NINE, "mean"], (
        [name, *(one["r2"][m] for m in NINE), float(np.mean([one["r2"][m] for m in NINE]))]
        for name, one in scores.items()))]  # fmt: skip
    columns = {"RMSE/Bayesian bound": "mean_rmse_over_bound", "SD/CRLB": "mean_sd_over_crlb", "slope": "mean_slope",
               "skill": "mean_skill", "failed": "mean_failed"}  # fmt: skip
    body = []
    for name, one in scores.items():
        lower, upper = (one["strata"].get(f"{end} third", {}).get("bias") for end in ("lower", "upper"))
        body.append([name, *(one.get(key) for key in columns.values()), lower, upper])
    parts += ["**Errors** (means of the nine)",
              markdown(["estimator", *columns, "bias, lower third, SD", "bias, upper third, SD"], body)]  # fmt: skip
    levels = ("50", "68", "90", "95")
    parts += ["**Uncertainty** (means of the nine)", markdown(
        ["estimator", *(f"cover {level} %" for level in levels), "width 95 %", "CRPS", "SD of z",
         "error correlation", "of perfect SDs", "p of ranks < 0.01"],
        ([name, *(one[f"mean_coverage{level}"] for level in levels), f"{one['mean_width95']:.3f}",
          f"{one['mean_crps']:.4f}", one["mean_z_sd"], one.get("mean_error_correlation"),
          one.get("mean_error_correlation_expected"),
          f"{sum(p < 0.01 for p in one['uniformity_p'].values())} of {len(NINE)}"]
         for name, one in scores.items() if "mean_coverage95" in one),
    )]  # fmt: skip
    labels = [label for label in next(iter(scores.values()))["strata"] if "third" not in label]
    parts += ["**R² by stratum** (means of the nine)", markdown(
        ["estimator", *labels],
        ([name, *(one["strata"][label].get("r2") for label in labels)] for name, one in scores.items()))]  # fmt: skip
    return "\n\n".join(parts) + "\n"
