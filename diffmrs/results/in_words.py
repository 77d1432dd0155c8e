"""The model of a fit and its soft constraints as a report tells them: in words, for one spectrum."""

from collections.abc import Iterator

import numpy as np

from diffmrs.data import is_macromolecule
from diffmrs.fitting import Estimate, FitResult
from diffmrs.model import NoBaseline, PolynomialBaseline, SplineBaseline
from diffmrs.results.constraints import ConstraintTable

TENSION_SD = 2.0  # from this distance on a constraint is named
_AT_EDGE = 0.97  # of the range that the data may choose the stiffness from


def model_in_words(result: FitResult, index: int) -> dict[str, str]:
    """What was fitted to one spectrum, and what came out: subject and sentences.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.
    """
    rows = result.flat()
    shape = result.model.lineshape
    words = {"baseline": _baseline(result, rows, index), "line shape": shape.in_words + "."}
    words["widths beyond the basis"] = _widths(result, rows, index)
    if shape.asymmetric:
        words["asymmetry"] = " ".join(_asymmetry(result, rows, index))
    if shape.n_kernel:
        weights = rows.parameters.lineshape[index]
        spread = float(np.sqrt(weights @ shape.kernel_hz**2 / weights.sum()))
        words["kernel"] = f"It spreads every line by {spread:.1f} Hz (root mean square); drawn below."
    return words | {"noise": _noise(result, rows, index), "parameters": _parameters(result, rows, index)}


def tensions_in_words(table: ConstraintTable, index: int) -> list[str]:
    """A sentence for each constraint that the answer is more than two standard deviations away from, worst first."""
    tension = table.tension[index]
    worst = sorted(np.flatnonzero(np.abs(tension) > TENSION_SD).tolist(), key=lambda k: -abs(tension[k]))
    return [
        f"{_subject(table, k)} is {table.found[index, k]:.3g}{_unit(table, k)}, {abs(tension[k]):.1f} SD "
        f"{'above' if tension[k] > 0 else 'below'} the expected {expected_in_words(table, k)}."
        for k in worst
    ]


def expected_in_words(table: ConstraintTable, k: int) -> str:
    """Mean and standard deviation of a constraint, with unit and side."""
    side = {0: "", -1: ", only below", 1: ", only above"}[int(table.side[k])]
    return f"{table.mean[k]:.3g} ± {table.sd[k]:.2g}{_unit(table, k)}{side}"


def grouped_in_words(table: ConstraintTable) -> list[dict[str, str]]:
    """Constraints on parameters, those alike in one row: what, of how many, expected, and the source."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for k in range(table.n_ratios, len(table.subjects)):
        quantity, _, of = table.subjects[k].partition(" of ")
        members = found.setdefault((quantity, expected_in_words(table, k), table.sources[k]), [])
        members.append(of.partition(" against ")[0])
    return [
        {"quantity": quantity, "members": ", ".join(filter(None, of)), "expected": expected, "source": source}
        for (quantity, expected, source), of in found.items()
    ]


def _baseline(result: FitResult, rows: Estimate, index: int) -> str:
    baseline = result.model.baseline
    if isinstance(baseline, NoBaseline):
        return "None: the basis set is all there is."
    effective = float(rows.baseline_dimensions[index])
    channels = 1 if isinstance(baseline, SplineBaseline) and baseline.causal else 2
    per_ppm = effective / channels / float(np.ptp(result.model.ppm))
    told = f"{baseline.in_words[0].upper()}{baseline.in_words[1:]}. "
    told += f"{effective:.1f} effective parameters, {per_ppm:.2f} per ppm"
    told += " in each of real and imaginary part." if channels == 2 else "."
    if isinstance(baseline, PolynomialBaseline) or baseline.dimensions_per_ppm is not None:
        return told
    low, high = baseline.range_per_ppm
    if per_ppm > _AT_EDGE * high:
        return f"{told} This is the most flexible that was tried: the data hold broad signal that the basis does not."
    stiffest = max(
        low, float(np.sum(result.model.baseline_roughness == 0)) / channels / float(np.ptp(result.model.ppm))
    )
    if per_ppm < stiffest / _AT_EDGE:
        return f"{told} This is the stiffest that was tried: the data show no baseline that bends."
    return told


def _widths(result: FitResult, rows: Estimate, index: int) -> str:
    lorentz = rows.parameters.lorentzian_fwhm_hz[index]
    light = sorted({g for g, name in zip(result.model.groups, result.names, strict=True) if not is_macromolecule(name)})
    chosen = lorentz[light] if light else lorentz
    told = f"Lorentzian {np.median(chosen):.1f} Hz"
    if len(chosen) > 1:
        told += f" (median of {len(chosen)} groups; {chosen.min():.1f} to {chosen.max():.1f})"
    gauss = np.sqrt(rows.parameters.gaussian_variance_hz2[index])
    each = [f"{width:.1f} Hz of {_shim(result, q)}" for q, width in enumerate(gauss)]
    return f"{told}; Gaussian {', '.join(each)}."


def _asymmetry(result: FitResult, rows: Estimate, index: int) -> Iterator[str]:
    for q, (moment, sd) in enumerate(
        zip(rows.parameters.third_moment_hz3[index], rows.sd.third_moment_hz3[index], strict=True)
    ):
        tail = "lower" if moment > 0 else "higher"
        meaning = f"a tail to {tail} ppm" if abs(moment) > 2 * sd else "not told from symmetric lines"
        yield f"Third moment of {_shim(result, q)}: {moment:.3g} ± {sd:.2g} Hz³, {meaning}."


def _noise(result: FitResult, rows: Estimate, index: int) -> str:
    excess = float(rows.chi2_reduced[index])
    told = f"Standard deviation {rows.noise_sd[index]:.4g} per point, measured outside the fit range; "
    told += f"reduced chi-square {excess:.3g}."
    for low, high, factor in result.model.noise_scale:
        told += f" From {low:g} to {high:g} ppm noise counts {factor:g} times."
    if result.inflated:
        return f"{told} Standard deviations and bounds were grown by {np.sqrt(max(excess, 1.0)):.2f}, as you asked."
    return f"{told} Standard deviations and bounds count the noise only; --inflate lets them grow with the residual."


def _parameters(result: FitResult, rows: Estimate, index: int) -> str:
    return (
        f"{rows.dimensions[index]:.1f} effective ones in all: the baseline counts, what soft constraints fix does not. "
        f"{2 * result.model.n_window} numbers were fitted (real and imaginary parts of {result.model.n_window} points)."
    )


def _shim(result: FitResult, shim: int) -> str:
    members = [name for name, q in zip(result.names, result.model.shims, strict=True) if q == shim]
    heavy = [is_macromolecule(name) for name in members]
    if len(members) <= 2:
        return " and ".join(members)
    return "macromolecules and lipids" if all(heavy) else "all members" if any(heavy) else "metabolites"


def _unit(table: ConstraintTable, k: int) -> str:
    return f" {table.units[k]}" if table.units[k] else ""


def _subject(table: ConstraintTable, k: int) -> str:
    """At the beginning of a sentence; names of metabolites stay as they are."""
    subject = table.subjects[k]
    return subject if k < table.n_ratios else f"{subject[0].upper()}{subject[1:]}"
