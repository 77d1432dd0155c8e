"""A harder test than any default assumes: are estimates unbiased, as good as their bound, and their intervals honest?

Spectra are drawn from a population far wider than the priors of any ready set: every metabolite between 0.05 and 2.5
times its usual concentration, with a shift and a width of its own, a smooth baseline of unknown strength, smoothness
and kind, and a signal-to-noise ratio of 8 to 18. The same spectra are fitted with each prior set.

    python benchmarks/stress.py [--out DIR] [--spectra 768] [--control 384] [--others 192]

Control: spectra drawn from the priors of the set `ratios`, on which its intervals must be honest. Other choices about
the model are compared with the default on some of the wide spectra. Writes `stress.json` (every metabolite in every
stratum), `stress.md` and `stress.png`. Needs no data.
"""

import argparse
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import HERE, use_all_cores, write_json

use_all_cores()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from stress_scores import LEVELS, Fitted, over_all, scores, strata  # noqa: E402

from diffmrs.axes import Acquisition  # noqa: E402
from diffmrs.data import Basis, MRSData  # noqa: E402
from diffmrs.fitting import Bounds, FitResult, fit  # noqa: E402
from diffmrs.fitting.prepare import DEFAULT_PPM_RANGE, default_groups  # noqa: E402
from diffmrs.lineshape import voigt_fwhm_hz  # noqa: E402
from diffmrs.model import NoBaseline, PolynomialBaseline, SplineBaseline, model_for  # noqa: E402
from diffmrs.priors import PRIOR_SETS, Constraint, ParameterPrior, brain_ratios, prior_set  # noqa: E402
from diffmrs.pytree import container  # noqa: E402
from diffmrs.simulate import (  # noqa: E402
    LogUniform,
    Normal,
    Population,
    RandomBaseline,
    Simulated,
    Uniform,
    brain_concentrations,
    simulate_spectra,
)
from diffmrs.spins import macromolecule_basis, press, simulate_basis  # noqa: E402

ACQUISITION, N_POINTS = Acquisition(1 / 2000, 123.25), 1024
METABOLITES = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "GSH",
    "Gly", "Ins", "Lac", "NAA", "NAAG", "PCho", "PCr", "PE", "sIns", "Tau",
)  # fmt: skip
SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Glx": ("Glu", "Gln")}
MM = "MM"
MM_SCALE = 25.0  # the line at 0.9 ppm then has 18 mM protons, 6 mM of a methyl group
CONCENTRATION_RANGE = (0.05, 2.5)
SNR = Uniform(8.0, 18.0)
LOST_HZ = 5.0  # a fit whose strong lines are off by more than this describes something else
SEED = 2026
BATCH = 192


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--spectra", type=int, default=768, help="from the wide population, default %(default)s")
    parser.add_argument("--control", type=int, default=384, help="from the priors themselves, default %(default)s")
    parser.add_argument("--others", type=int, default=192, help="for other choices, 0 for none, default %(default)s")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    basis = brain_basis()
    usual = usual_amplitudes(basis)
    wide = simulated_from(wide_population(usual), basis, options.spectra, RandomBaseline(*WIDE_BASELINES))
    control = simulated_from(prior_population(basis, usual), basis, options.control, RandomBaseline(*MILD_BASELINES))
    results = {
        "command": f"python benchmarks/stress.py --spectra {options.spectra} --control {options.control} "
        f"--others {options.others}",
        "wide": compared(wide, basis, usual, strata_of(wide)),
        "control": compared(control, basis, usual, {"all": np.ones(options.control, bool)}),
        "other_choices": other_choices(wide, basis, usual, options.others) if options.others else {},
        "spectra_for_other_choices": options.others,
    }
    results |= {"seconds": time.perf_counter() - begin, "load_at_end": os.getloadavg()[0]}
    write_json(options.out / "stress.json", results)
    (options.out / "stress.md").write_text(as_markdown(results))
    picture(results["wide"]["metabolites"], options.out / "stress.png")
    print((options.out / "stress.md").read_text())


def brain_basis() -> Basis:
    """Twenty metabolites as PRESS at 30 ms gives them, and the macromolecules of Birch 2017 as one measured member."""
    metabolites = simulate_basis(METABOLITES, press(0.011, 0.019), ACQUISITION, N_POINTS)
    lines = macromolecule_basis("birch2017_3t", ACQUISITION, N_POINTS)
    together = Basis(MM_SCALE * np.asarray(lines.fid).sum(axis=0, keepdims=True), ACQUISITION, (MM,))
    return metabolites.joined(together)


def usual_amplitudes(basis: Basis) -> np.ndarray:
    """Of every member, mM; 1 for the macromolecules."""
    return np.append(brain_concentrations(basis.names[:-1]), 1.0)


# Strength (root mean square over the tallest line) and width of the features, ppm.
WIDE_BASELINES = (LogUniform(0.02, 0.3), LogUniform(0.6, 3.0))
MILD_BASELINES = (LogUniform(0.02, 0.1), LogUniform(1.0, 3.0))


def wide_population(usual: np.ndarray) -> Population:
    """Wider than the priors, whose standard deviations are 0.5 Hz for shifts and 0.15 Hz for widths (macromolecules:
    2.5 and 3 Hz). T2 of 85 to 350 ms, as published at 3 T, alone makes widths differ by 3 Hz."""
    own_shift, own_width = np.full(usual.size, 1.5), np.full(usual.size, 3.0)
    own_shift[-1], own_width[-1] = 5.0, 12.0
    return Population(
        amplitude=Uniform(CONCENTRATION_RANGE[0] * usual, CONCENTRATION_RANGE[1] * usual),
        own_lorentzian_fwhm_hz=Uniform(np.zeros(usual.size), own_width),
        own_frequency_shift_hz=Uniform(-own_shift, own_shift),
        lorentzian_fwhm_hz=Uniform(1.0, 4.0),
        **COMMON,
    )


def prior_population(basis: Basis, usual: np.ndarray) -> Population:
    """What the prior set `ratios` expects; strong metabolites within 30 % of usual."""
    values = [c for c in prior_set("ratios", basis.names, ACQUISITION) if isinstance(c, ParameterPrior)]
    sd = {(c.quantity, c.member): c.sd for c in values}
    shift = np.array([sd["frequency_shift_hz", name] for name in basis.names])
    width = np.array([sd["lorentzian_fwhm_hz", name] for name in basis.names])
    return Population(
        amplitude=AsPriorsSay(usual, basis.names),
        own_lorentzian_fwhm_hz=Normal(0.0, width),
        own_frequency_shift_hz=Normal(0.0, shift),
        lorentzian_fwhm_hz=Uniform(3.0, 6.0),
        **COMMON,
    )


COMMON = {
    "frequency_shift_hz": Uniform(-8.0, 8.0),
    "gaussian_fwhm_hz": Uniform(2.0, 9.0),
    "phase0_rad": Uniform(-math.pi, math.pi),
    "delay_s": Uniform(-5e-5, 5e-5),
}


@container(static=("names",))
@dataclass(frozen=True)
class AsPriorsSay:
    """Amplitudes whose ratios have the distributions of the literature priors; the other amplitudes vary by 30 %."""

    usual: np.ndarray
    names: tuple[str, ...]

    def draw(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """Amplitudes of all members."""
        key_strong, key_weak = jax.random.split(key)
        own = [prior for prior in brain_ratios() if prior.numerator[0][0] in self.names]
        ratios = Normal(np.array([p.mean for p in own]), np.array([p.sd for p in own]), 0.0).draw(key_weak, (len(own),))
        found = dict(zip(self.names, Uniform(0.7 * self.usual, 1.3 * self.usual).draw(key_strong, shape), strict=True))
        whole = {p.denominator: sum(found[name] for name, _ in p.denominator) for p in own}
        for prior, ratio in zip(own, ratios, strict=True):
            name, below = prior.numerator[0][0], [n for n, _ in prior.denominator]
            share = jnp.minimum(ratio, 0.95) if name in below else ratio
            found[name] = share * whole[prior.denominator]
            if name in below:
                (rest,) = (n for n in below if n != name)
                found[rest] = (1 - share) * whole[prior.denominator]
        return jnp.stack([found[name] for name in self.names])


def simulated_from(population: Population, basis: Basis, count: int, baseline: RandomBaseline) -> Simulated:
    model = model_for(
        basis,
        ppm_range=DEFAULT_PPM_RANGE,
        groups=tuple(range(len(basis.names))),
        shims=default_groups(basis),
        baseline=NoBaseline(),
    )
    key = jax.random.key(SEED)
    return simulate_spectra(key, population, basis, model, count, snr=SNR, baseline=baseline)


def strata_of(simulated: Simulated) -> dict[str, np.ndarray]:
    lorentz = np.asarray(simulated.parameters.lorentzian_fwhm_hz)[:, : len(METABOLITES)].mean(axis=1)
    gauss = np.sqrt(np.asarray(simulated.parameters.gaussian_variance_hz2)[:, 0])
    causal = np.asarray(simulated.baseline_causal)
    return strata(
        {
            "snr": (np.asarray(simulated.snr), (11.0, 15.0), "SNR"),
            "height": (np.asarray(simulated.baseline_height), (0.05, 0.12), "baseline height"),
            "smoothness": (np.asarray(simulated.baseline_width_ppm), (1.0, 1.7), "baseline features / ppm"),
            "linewidth": (np.asarray(voigt_fwhm_hz(lorentz, gauss)), (7.0, 9.5), "linewidth / Hz"),
        }
    ) | {"baseline causal": causal, "baseline not causal": ~causal}


def compared(simulated: Simulated, basis: Basis, usual: np.ndarray, groups: dict[str, np.ndarray]) -> dict:
    """Every prior set on the same spectra. Spectra in which one of them got lost count as lost, and nowhere else."""
    found = {name: fitted_in_batches(simulated.data(basis), basis, priors=name) for name in PRIOR_SETS}
    lost = {name: is_lost(result, simulated) for name, result in found.items()}
    told = {name: is_suspect(result) for name, result in found.items()}
    kept = ~np.any(list(lost.values()), axis=0)
    columns = (*basis.names, *SUMS)
    tables, summary = {}, {}
    for name, result in found.items():
        fitted = with_sums(result, simulated, usual)
        tables[name] = {label: scores(fitted.only(rows & kept), columns) for label, rows in groups.items()}
        summary[name] = {
            label: over_all(tables[name][label], METABOLITES) | {"lost": int(np.sum(lost[name] & rows))}
            for label, rows in groups.items()
        }
        rows = result.flat()
        summary[name]["all"] |= {
            "lost_and_told": int(np.sum(lost[name] & told[name])),
            "not_lost_but_told": int(np.sum(~lost[name] & told[name])),
            "converged": int(result.converged.sum()),
            "reduced_chi2": float(np.median(rows.chi2_reduced)),
            "baseline_dimensions": float(np.median(rows.baseline_dimensions)),
        }
        print(name, {key: round(value, 2) for key, value in summary[name]["all"].items()}, flush=True)
    count = {label: int(rows.sum()) for label, rows in groups.items()}
    return {"spectra": count, "over_all_metabolites": summary, "metabolites": tables}


def fitted_in_batches(data: MRSData, basis: Basis, **keywords: Any) -> FitResult:
    """The fit, some spectra at a time: one compilation serves every number of spectra."""
    parts = [
        fit(data.with_fid(data.fid[first : first + BATCH]), basis, **keywords)
        for first in range(0, data.n_spectra, BATCH)
    ]
    estimate = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(part.estimate for part in parts))
    return replace(parts[0], data=data, estimate=estimate)


def is_lost(result: FitResult, simulated: Simulated) -> np.ndarray:
    """Whether the strong lines were placed where they are not."""
    strong = [result.names.index(name) for name in ("NAA", "Cr", "PCr", "GPC")]
    groups = np.array(result.model.groups)
    shift = result.flat().parameters.frequency_shift_hz[:, groups]
    off = shift - np.asarray(simulated.parameters.frequency_shift_hz)[: len(shift)]
    return np.abs(np.median(off[:, strong], axis=1)) > LOST_HZ


def is_suspect(result: FitResult) -> np.ndarray:
    """What a reader can see without the truth: residual, status, or a width or a shift at its bound."""
    rows, bounds = result.flat(), Bounds()
    f0 = ACQUISITION.spectrometer_frequency_mhz
    first = rows.parameters.frequency_shift_hz[:, result.model.groups.index(0)]
    wide = rows.parameters.gaussian_variance_hz2[:, 0] >= 0.98 * bounds.max_gaussian_fwhm_hz**2
    wide |= np.median(rows.parameters.lorentzian_fwhm_hz, axis=1) >= 0.98 * bounds.max_lorentzian_fwhm_hz
    return (rows.chi2_reduced > 1.5) | ~result.converged | wide | (np.abs(first) > 0.98 * bounds.max_shift_ppm * f0)


def with_sums(result: FitResult, simulated: Simulated, usual: np.ndarray) -> Fitted:
    """Estimates of members and sums, in units of their usual amplitudes, with the intervals that a report gives."""
    rows = result.flat()
    every = np.concatenate([np.eye(len(usual)), [[name in SUMS[s] for name in result.names] for s in SUMS]])
    scale, members = every @ usual, len(usual)
    centre, spread = rows.parameters.amplitude @ every.T, sd_of(rows.amplitude_covariance, every)
    centre[:, :members], spread[:, :members] = rows.amplitude_centre, rows.amplitude_spread
    return Fitted(
        truth=np.asarray(simulated.parameters.amplitude)[: len(centre)] @ every.T / scale,
        estimate=rows.parameters.amplitude @ every.T / scale,
        centre=centre / scale,
        spread=spread / scale,
        bound=sd_of(rows.crlb_covariance, every) / scale,
    )


def sd_of(covariance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard deviation of weighted sums. [spectra, sums]"""
    return np.sqrt(np.maximum(np.einsum("sm,bmn,sn->bs", weights, covariance, weights), 0))


def other_choices(simulated: Simulated, basis: Basis, usual: np.ndarray, count: int) -> dict[str, dict[str, float]]:
    """The default beside other baselines, groups and widths of priors, on the first spectra."""
    data = simulated.data(basis)
    data = data.with_fid(data.fid[:count])
    ratios = prior_set("ratios", basis.names, ACQUISITION)
    trials = {
        "default": {},
        "one group for all metabolites": {"groups": default_groups(basis), "priors": without_relative(ratios)},
        "own widths 6 times, shifts 2 times looser": {"priors": looser(ratios)},
        "polynomial 2": {"baseline": PolynomialBaseline(2)},
        "spline, 1 per ppm": {"baseline": SplineBaseline(1.0)},
        "spline, 2 per ppm": {"baseline": SplineBaseline(2.0)},
        "spline, 4 per ppm": {"baseline": SplineBaseline(4.0)},
        "spline, from data, at least 1 per ppm": {"baseline": SplineBaseline(range_per_ppm=(1.0, 6.0))},
        "spline, from data, causal": {"baseline": SplineBaseline(causal=True)},
    }
    found, lost = {}, {}
    for name, keywords in trials.items():
        result = fitted_in_batches(data, basis, **keywords)
        found[name], lost[name] = (with_sums(result, simulated, usual), result.flat()), is_lost(result, simulated)
        print(name, "lost", int(lost[name].sum()), flush=True)
    kept = ~np.any(list(lost.values()), axis=0)
    return {
        name: over_all(scores(fitted.only(kept), (*basis.names, *SUMS)), METABOLITES)
        | {
            "lost": int(lost[name].sum()),
            "baseline_dimensions": float(np.median(rows.baseline_dimensions)),
            "reduced_chi2": float(np.median(rows.chi2_reduced)),
        }
        for name, (fitted, rows) in found.items()
    }


def is_relative(constraint: Constraint) -> bool:
    """Whether a constraint holds metabolites together."""
    return isinstance(constraint, ParameterPrior) and constraint.member != MM


def without_relative(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    return tuple(c for c in constraints if not is_relative(c))


def looser(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    factor = {"lorentzian_fwhm_hz": 6.0, "frequency_shift_hz": 2.0}
    return tuple(replace(c, sd=factor[c.quantity] * c.sd) if is_relative(c) else c for c in constraints)


def as_markdown(results: dict) -> str:
    wide = results["wide"]
    lines = [
        "# Stress",
        "",
        f"{wide['spectra']['all']} spectra, SNR 8 to 18, every metabolite 0.05 to 2.5 times usual, own shifts and "
        f"widths, unknown baseline. Bias, SD and RMSE in percent of the usual concentration. `{results['command']}`",
        "",
        "## The worst cases",
        "",
        *worst_cases(wide),
        "",
        "## Each metabolite, all spectra",
        "",
        "The constant is the mean of the truth; skill is 1 - (RMSE / RMSE of the constant)².",
    ]
    for name in PRIOR_SETS:
        lines += ["", f"### Prior set `{name}`", "", *metabolite_table(wide["metabolites"][name]["all"])]
    lines += ["", "## Strata: mean over 20 metabolites", "", *stratum_table(wide)]
    if results["other_choices"]:
        lines += ["", f"## Other choices, the first {results['spectra_for_other_choices']} spectra", ""]
        lines += [f"| choice | {HEADS} | lost | baseline dimensions | reduced χ² |", "|---" * 11 + "|"]
        for name, row in results["other_choices"].items():
            more = f"{row['lost']} | {row['baseline_dimensions']:.1f} | {row['reduced_chi2']:.2f}"
            lines.append(f"| {name} | {in_cells(row)} | {more} |")
    lines += [
        "",
        "## Control: spectra drawn from the priors of the set `ratios`",
        "",
        *stratum_table(results["control"]),
    ]
    for name in PRIOR_SETS:
        lines += ["", f"### Prior set `{name}`", "", *metabolite_table(results["control"]["metabolites"][name]["all"])]
    return "\n".join(lines) + "\n"


HEADS = "\\|bias\\| | RMSE | RMSE / CRLB | slope | skill | 50 / 68 / 90 / 95 % | lowest 95 %"


def stratum_table(compared: dict) -> list[str]:
    lines = [f"| priors | spectra | {HEADS} | lost |", "|---" * 10 + "|"]
    for name, rows in compared["over_all_metabolites"].items():
        for label, row in rows.items():
            lines.append(f"| `{name}` | {label} ({compared['spectra'][label]}) | {in_cells(row)} | {row['lost']} |")
    return lines


def metabolite_table(table: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "| metabolite | bias | SD | RMSE | constant's RMSE | skill | RMSE / CRLB | slope | at zero, % | "
        "50 | 68 | 90 | 95 % |",
        "|---" * 13 + "|",
    ]
    for name, row in table.items():
        covered = " | ".join(f"{row[f'coverage_{level}']:.0f}" for level in LEVELS)
        lines.append(
            f"| {name} | {row['bias_percent']:+.0f} | {row['sd_percent']:.0f} | {row['rmse_percent']:.0f} | "
            f"{row['rmse_of_constant_percent']:.0f} | {row['skill']:+.2f} | {row['rmse_over_crlb']:.2f} | "
            f"{row['slope']:.2f} ± {row['slope_se']:.2f} | {row['at_zero_percent']:.0f} | {covered} |"
        )
    return lines


def in_cells(row: dict[str, float]) -> str:
    covered = " / ".join(f"{row[f'coverage_{level}']:.0f}" for level in LEVELS)
    return (
        f"{row['absolute_bias_percent']:.0f} | {row['rmse_percent']:.0f} | {row['rmse_over_crlb']:.2f} | "
        f"{row['slope']:.2f} | {row['skill']:+.2f} | {covered} | {row['lowest_coverage_95']:.0f}"
    )


def worst_cases(compared: dict) -> list[str]:
    """In words: where each prior set pulls, covers and biases worst, and how often it gets lost."""
    lines = []
    for name, tables in compared["metabolites"].items():
        every, total = tables["all"], compared["over_all_metabolites"][name]["all"]
        pulled = min(every, key=lambda m: every[m]["slope"])
        biased = max(every, key=lambda m: abs(every[m]["bias_percent"]))
        useless = [m for m in every if every[m]["skill"] < 0]
        cells = {(m, s): row for s, table in tables.items() for m, row in table.items()}
        bare = min(cells, key=lambda cell: cells[cell]["coverage_95"])
        short = [m for m in every if every[m]["coverage_95"] < 92]
        lines.append(
            f"- `{name}`: {pulled} is pulled most towards one value (slope {every[pulled]['slope']:.2f}); {biased} is "
            f"off most on average ({every[biased]['bias_percent']:+.0f} % of usual); the 95 % intervals of {bare[0]} "
            f"hold the truth least often, in {cells[bare]['coverage_95']:.0f} % of the spectra with {bare[1]}; over "
            f"all spectra those of {len(short)} of {len(every)} hold it in less than 92 % ({', '.join(short)}); "
            f"worse than a constant: {', '.join(useless) or 'none'}; "
            f"lost: {total['lost']} spectra (strong lines more than {LOST_HZ:g} Hz off), of which "
            f"residual, status or a bound tell {total['lost_and_told']}."
        )
    return lines


def picture(tables: dict, path: Path) -> None:
    """Slope, skill and coverage of each metabolite, one colour per prior set."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    names = list(next(iter(tables.values()))["all"])
    places = np.arange(len(names))
    shown = (
        ("slope", "slope of estimate on truth", 1),
        ("skill", "skill over a constant", 1),
        ("coverage_95", "coverage of 95 % intervals / %", 95),
    )
    for number, (name, colour) in enumerate(zip(PRIOR_SETS, ("#8a8a8a", "#3b6ea8", "#b5482f"), strict=True)):
        rows = tables[name]["all"].values()
        for ax, (key, label, ideal) in zip(axes, shown, strict=True):
            at = places + 0.2 * (number - 1)
            ax.plot(at, [row[key] for row in rows], "o", ms=5, color=colour, label=f"priors: {name}")
            ax.axhline(ideal, color="0.6", lw=0.8)
            ax.set_ylabel(label)
    axes[1].set_ylim(-1, 1.02)
    axes[2].axhspan(92, 98, color="0.92", zorder=0)
    axes[0].legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes[2].set_xticks(places, names, rotation=60)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
