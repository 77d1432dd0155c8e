r"""How far estimates lie from the truth, beside what a constant would have scored.

With the truth $t$, the estimate $e$ and means over spectra: bias $\overline{e - t}$; SD, the standard deviation of
$e - t$; $\mathrm{RMSE}^2 = \overline{(e - t)^2}$; slope and intercept of the least-squares line of $e$ on $t$;
$R^2 = 1 - \overline{(e - t)^2} / \overline{(t - \bar t)^2}$, which is 0 for the mean and negative for worse;
skill $1 - \overline{(e - t)^2} / \overline{(c - t)^2}$ against a constant $c$;
SMAPE $\sum |e - t| / \sum (|e| + |t|)$ and MAPE $\overline{|e - t| / |t|}$, in percent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from diffmrs.errors import InputError
from diffmrs.scores.arrays import pair, probability

_CHUNK = 2**22  # numbers of a chunk of resampled weights


@dataclass(frozen=True)
class Accuracy:
    """Scores of each metabolite, over the spectra whose estimate is finite. Every field is [..., metabolites].

    Attributes:
        n: spectra with a finite estimate.
        failed: share of spectra without one, 0 to 1.
        bias: mean error, in units of the truth.
        sd: standard deviation of the errors, in units of the truth.
        rmse: root mean square error, in units of the truth.
        slope: of the line of estimate on truth; below 1 where estimates are drawn to the mean.
        intercept: of that line.
        r2: 1 - SSE/SST (coefficient of determination of the estimate itself, not of a line through it).
        r2_correlation: squared correlation, which forgives bias and slope.
        skill: 1 - MSE/MSE of the constant.
        skill_with_failures: the same over all spectra, where the constant answers for what failed.
        smape_percent: sum of errors over sum of sizes.
        smape_floor_percent: of the constant that has the least on these truths.
        mape_percent: mean relative error; NaN where a truth is 0.
        mape_floor_percent: of the constant that has the least on these truths.
        max_error: largest modulus of an error.
    """

    n: np.ndarray
    failed: np.ndarray
    bias: np.ndarray
    sd: np.ndarray
    rmse: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    r2: np.ndarray
    r2_correlation: np.ndarray
    skill: np.ndarray
    skill_with_failures: np.ndarray
    smape_percent: np.ndarray
    smape_floor_percent: np.ndarray
    mape_percent: np.ndarray
    mape_floor_percent: np.ndarray
    max_error: np.ndarray


def accuracy(truth: Any, estimate: Any, *, constant: Any = None) -> Accuracy:
    """Score estimates against the truth.

    Args:
        truth: finite. [spectra, metabolites]
        estimate: what is not finite counts as failed. [spectra, metabolites]
        constant: what the constant predictor answers, the mean of the training truth; the mean of `truth` when absent,
            in which case the skill is R² (but for failures). [metabolites]

    Returns:
        The scores, [metabolites] each; NaN where they are not defined: no finite estimate, or truths all alike.

    Raises:
        InputError: the shapes do not fit, or the truth is not finite.
    """
    true, other, fixed = _checked(truth, estimate, constant)
    good = np.isfinite(other)
    scores = _scores(np.ones((1, len(true))), _columns(true, other, fixed))
    floors = np.array([_floors(t[g]) for t, g in zip(true.T, good.T, strict=True)])
    largest = np.where(good, np.abs(np.where(good, other, 0) - true), -np.inf).max(axis=0)
    values = {name: value[0] for name, value in scores.items()}
    return Accuracy(
        **values,
        smape_floor_percent=100 * floors[:, 0],
        mape_floor_percent=100 * floors[:, 1],
        max_error=np.where(good.any(axis=0), largest, np.nan),
    )


def bootstrap(truth: Any, estimate: Any, *, constant: Any = None, draws: int = 1000, seed: int = 0) -> Accuracy:
    """The scores of resampled sets of spectra: every field is [draws, metabolites].

    The same seed resamples the same spectra, so that draws of two estimators on the same spectra may be subtracted:
    the interval of a difference is that of the paired bootstrap (Efron & Tibshirani 1993). Floors and largest errors
    are not resampled (NaN).

    Args:
        truth: finite. [spectra, metabolites]
        estimate: as in `accuracy`. [spectra, metabolites]
        constant: as in `accuracy`; when absent the mean of each resampled truth.
        draws: how often spectra are resampled.
        seed: of the random numbers.

    Raises:
        InputError: the shapes do not fit, the truth is not finite, or `draws` is not positive.
    """
    if draws < 1:
        raise InputError(f"draws is {draws}; at least 1 is needed")
    true, other, fixed = _checked(truth, estimate, constant)
    columns = _columns(true, other, fixed)
    parts = [_scores(weights, columns) for weights in _resampled(len(true), draws, seed)]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    nothing = np.full((draws, true.shape[1]), np.nan)
    return Accuracy(**scores, smape_floor_percent=nothing, mape_floor_percent=nothing, max_error=nothing)


def interval(resampled: Accuracy, level: float = 0.95) -> tuple[Accuracy, Accuracy]:
    """Lower and upper limit of each score from `bootstrap`: central percentiles.

    Args:
        resampled: from `bootstrap`.
        level: share of draws between the limits.

    Raises:
        InputError: the level is not between 0 and 1.
    """
    tail = (1 - probability(level, "level")) / 2
    ends = []
    for share in (tail, 1 - tail):
        limits = {one.name: np.quantile(getattr(resampled, one.name), share, axis=0) for one in fields(Accuracy)}
        ends.append(Accuracy(**limits))
    return ends[0], ends[1]


def _checked(truth: Any, estimate: Any, constant: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    true, other = pair(truth, estimate)
    if constant is None:
        return true, other, None
    fixed = np.asarray(constant, np.float64)
    if fixed.shape != true.shape[1:] or not np.isfinite(fixed).all():
        raise InputError(f"constant has shape {fixed.shape}; it must hold {true.shape[1]} finite numbers")
    return true, other, fixed


def _columns(true: np.ndarray, other: np.ndarray, fixed: np.ndarray | None) -> np.ndarray:
    """What is summed over spectra: all scores follow from these sums. [sums, spectra, metabolites]"""
    good = np.isfinite(other)
    # From the middle of the truth, so that large means cost no digits.
    middle = true.mean(axis=0)[None]
    t, answer = true - middle, np.where(good, other, true)
    e = answer - middle
    error = answer - true
    with np.errstate(divide="ignore"):
        relative = np.where(true != 0, np.abs(error) / np.abs(true), np.nan)
    missed = np.zeros_like(t) if fixed is None else (fixed[None] - true) ** 2
    sizes = np.abs(answer) + np.abs(true)
    moments = (np.ones_like(t), t, e, t**2, e**2, t * e)
    seen = (*moments, error, error**2, np.abs(error), sizes, relative, missed)
    everything = (np.ones_like(t), t, t**2, missed, np.broadcast_to(middle, t.shape))
    given = np.full_like(t, fixed is not None)
    return np.stack([*(np.where(good, one, 0.0) for one in seen), *everything, given])


def _scores(weights: np.ndarray, columns: np.ndarray) -> dict[str, np.ndarray]:
    """Scores for each row of weights [draws, spectra]: [draws, metabolites]."""
    sums = np.einsum("ds,csk->cdk", weights, columns, optimize=True)
    n, t, e, tt, ee, te, error, squared, size, both, relative, missed = sums[:12]
    whole, t_all, tt_all, missed_all, middle, given = sums[12:]
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = middle / whole
        mse, bias = squared / n, error / n
        # Rounding leaves variances of constants a little above or below 0.
        spread_t = _variance(tt / n, (t / n) ** 2)
        spread_e = _variance(ee / n, (e / n) ** 2)
        together = te / n - t * e / n**2
        slope = together / spread_t
        worst = np.where(given > 0, missed / n, spread_t)
        worst_all = np.where(given > 0, missed_all, tt_all - t_all**2 / whole)
        mean_all = t_all / whole
        # The constant answers for what failed: the given one, or the mean of all truths.
        of_mean = (tt_all - tt) - 2 * mean_all * (t_all - t) + (whole - n) * mean_all**2
        filled = squared + np.where(given > 0, missed_all - missed, of_mean)
        return {
            "n": n,
            "failed": 1 - n / whole,
            "bias": bias,
            "sd": np.sqrt(np.maximum(mse - bias**2, 0) * n / np.maximum(n - 1, 1)),
            "rmse": np.sqrt(mse),
            "slope": slope,
            "intercept": middle + e / n - slope * (middle + t / n),
            "r2": 1 - mse / spread_t,
            "r2_correlation": np.where(spread_e > 0, together**2 / (spread_t * spread_e), 0.0 * spread_t / spread_t),
            "skill": 1 - mse / worst,
            "skill_with_failures": 1 - filled / worst_all,
            "smape_percent": 100 * size / both,
            "mape_percent": 100 * relative / n,
        }


def _variance(square: np.ndarray, of_mean: np.ndarray) -> np.ndarray:
    left = square - of_mean
    return np.where(left > 1e-14 * square, left, 0.0)


def _resampled(n: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each spectrum occurs in each resampled set. [a chunk of draws, spectra]"""
    random = np.random.default_rng(seed)
    step = max(_CHUNK // n, 1)
    for begin in range(0, draws, step):
        rows = min(step, draws - begin)
        picked = random.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(picked.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _floors(true: np.ndarray) -> tuple[float, float]:
    """Least SMAPE and MAPE that a constant can have on these truths.

    Between neighbouring truths (and 0) the SMAPE of a constant is a ratio of straight lines, so that its least lies on
    one of them. The MAPE is a sum of moduli, least at the median with weights 1/|t|.
    """
    if not true.size:
        return np.nan, np.nan
    rising = np.sort(true)
    below = np.concatenate([[0.0], np.cumsum(rising)])
    tried = np.concatenate([rising, [0.0]])
    count = np.searchsorted(rising, tried)
    errors = tried * count - below[count] + (below[-1] - below[count]) - tried * (true.size - count)
    sizes = np.abs(true).sum() + true.size * np.abs(tried)
    smape = float((errors[sizes > 0] / sizes[sizes > 0]).min()) if (sizes > 0).any() else np.nan
    if (true == 0).any():
        return smape, np.nan
    weight = 1 / np.abs(rising)
    half = np.searchsorted(np.cumsum(weight), weight.sum() / 2)
    return smape, float((np.abs(rising[min(half, true.size - 1)] - rising) * weight).mean())
