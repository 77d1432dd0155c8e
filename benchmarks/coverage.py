"""Do 95 % intervals hold the truth in 95 % of cases? On spectra drawn from the priors, and on the fitting challenge.

Drawn spectra: concentrations from the population ratios, cut off at zero; shifts and widths of each metabolite as the
set `weak` says (for the fit without priors all alike, as its model has it); macromolecules with a shift and width of
their own; a smooth random baseline; random phase, frequency offset and line width; two noise levels.

    python benchmarks/coverage.py [--data DIR] [--out DIR] [--spectra 600] [--seed 2026]
"""

from dataclasses import replace
from pathlib import Path

import jax
from common import arguments, use_all_cores, write_json

use_all_cores()

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from fitting_challenge import load  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import diffmrs  # noqa: E402
from diffmrs.axes import fid_of  # noqa: E402
from diffmrs.data import Basis, MRSData, is_macromolecule  # noqa: E402
from diffmrs.fitting import FitResult  # noqa: E402
from diffmrs.fitting.prepare import default_groups  # noqa: E402
from diffmrs.model import NoBaseline, Parameters, SignalModel, SplineBaseline, model_for, predict  # noqa: E402
from diffmrs.model.signal import predict_baseline  # noqa: E402
from diffmrs.priors import ParameterPrior, RatioPrior, own_groups, prior_set, strong_signals  # noqa: E402
from diffmrs.uncertainty import truncated_normal_interval  # noqa: E402

SETS = ("none", "weak", "ratios")
SNRS = (40.0, 12.0)
TOTAL_CREATINE = 8.0
BAND = (92.0, 98.0)
PEERS = {"LCModel 6.3, zeros left out": 91.8, "FSL-MRS 2.4.8, zeros left out": 92.2}


def main() -> None:
    options = arguments(__doc__, spectra=600, seed=2026)
    spectra, names, truth_mm = load(options.data / "15_fitting_challenge_2016")
    basis = diffmrs.read_basis(
        options.data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz", remove_reference=True
    )
    first = diffmrs.fit(spectra, basis)
    basis = first.basis
    heavy = np.median(
        first.flat().parameters.amplitude / totals(first.flat().parameters.amplitude, basis.names), axis=0
    )
    drawn, challenge = {}, {}
    for name in SETS:
        truth, data = draw(basis, name, options.spectra, options.seed, heavy)
        result = diffmrs.fit(data, basis, priors=name)
        drawn[name] = {
            f"SNR {snr:g}": score(result, truth, slice(k, None, len(SNRS))) for k, snr in enumerate(SNRS)
        } | {"all": score(result, truth, slice(None))}
        fitted = first if name == "ratios" else diffmrs.fit(spectra, basis, priors=name)
        challenge[name] = challenge_score(fitted, names, truth_mm)
    summary = {
        "command": f"python benchmarks/coverage.py --spectra {options.spectra} --seed {options.seed}",
        "spectra": options.spectra,
        "drawn": drawn,
        "challenge_percent": challenge,
        "peers_challenge_percent": PEERS,
    }
    write_json(options.out / "coverage.json", summary)
    text = table(drawn, challenge, options.spectra)
    (options.out / "coverage.md").write_text(text)
    picture(drawn, options.out / "coverage.png")
    print(text)


def draw(basis: Basis, priors: str, count: int, seed: int, typical: np.ndarray) -> tuple[np.ndarray, MRSData]:
    """Spectra that a prior set believes in. Returns the true amplitudes, [spectra, members], and the data."""
    rng = np.random.default_rng(seed)
    names = basis.names
    shims = default_groups(basis)
    groups = default_groups(basis) if priors == "none" else own_groups(names)
    model = model_for(basis, ppm_range=(0.5, 4.2), groups=groups, shims=shims, baseline=SplineBaseline())
    amplitude = np.array([concentrations(rng, names, typical, basis) for _ in range(count)])
    groups_of = {name: groups[k] for k, name in enumerate(names)}
    f0 = basis.acquisition.spectrometer_frequency_mhz
    width = rng.uniform(1.5, 5.0, (count, 1)) * np.ones((count, model.n_groups))
    shift = rng.normal(0, 0.03 * f0, (count, 1)) * np.ones((count, model.n_groups))
    for prior in prior_set("weak", names, basis.acquisition):
        if not isinstance(prior, ParameterPrior) or (priors == "none" and not is_macromolecule(prior.member)):
            continue
        spread = rng.normal(prior.mean, prior.sd, count)
        if prior.quantity == "frequency_shift_hz":
            shift[:, groups_of[prior.member]] += spread
        else:
            width[:, groups_of[prior.member]] += spread
    roughness = model.baseline_roughness
    stiffness = np.median(SplineBaseline().stiffness_candidates(model.ppm, roughness))
    bend = np.where(roughness > 0, 1 / np.sqrt(np.maximum(stiffness * roughness, 1e-12)), 10.0)
    parameters = Parameters(
        amplitude=amplitude,
        lorentzian_fwhm_hz=np.abs(width),
        frequency_shift_hz=shift,
        gaussian_variance_hz2=rng.uniform(2.0, 6.0, (count, 1)) ** 2 * np.ones((count, model.n_shims)),
        third_moment_hz3=np.zeros((count, 0)),
        lineshape=np.zeros((count, 0)),
        phase0_rad=rng.uniform(-np.pi, np.pi, count),
        delay_s=rng.normal(0, 2e-5, count),
        baseline=rng.normal(size=(count, roughness.size)) * bend,
    )
    fids = simulate(jax.tree.map(jnp.asarray, parameters), basis.fid, model, np.resize(SNRS, count), seed)
    return amplitude, MRSData(fids, basis.acquisition)


def concentrations(rng: np.random.Generator, names: tuple[str, ...], typical: np.ndarray, basis: Basis) -> np.ndarray:
    """One draw: strong signals as they spread between studies, the others from the ratio priors, none negative."""
    found = {name: TOTAL_CREATINE * value for name, value in zip(names, typical, strict=True)}
    for strong in strong_signals():
        total = TOTAL_CREATINE * positive(rng, strong.ratio_tcr, strong.spread_between_studies)
        present = [name for name in strong.members if name in names]
        found |= dict.fromkeys(present, total / len(present))
    for name in filter(is_macromolecule, names):
        found[name] *= positive(rng, 1.0, 0.25)
    for prior in prior_set("ratios", names, basis.acquisition):
        if not isinstance(prior, RatioPrior) or any(is_macromolecule(name) for name, _ in prior.numerator):
            continue
        whole = sum(weight * found[name] for name, weight in prior.denominator)
        ((name, _),) = prior.numerator
        share = name in dict(prior.denominator)
        ratio = positive(rng, prior.mean, prior.sd, 1.0 if share else np.inf)
        found[name] = ratio * whole
        if share:  # a part of a sum: the rest belongs to its only partner
            (partner,) = (n for n, _ in prior.denominator if n != name)
            found[partner] = whole - found[name]
    return np.array([found[name] for name in names])


def positive(rng: np.random.Generator, mean: float, sd: float, highest: float = np.inf) -> float:
    """A normal draw, repeated until it lies between 0 and the highest value."""
    while not 0 <= (value := rng.normal(mean, sd)) <= highest:
        pass
    return value


def simulate(parameters: Parameters, basis_fid: jax.Array, model: SignalModel, snr: np.ndarray, seed: int) -> jax.Array:
    """FIDs with noise; SNR is the height of the tallest point over the noise of the real part."""
    whole = replace(model, window=(0, model.n_points), baseline=NoBaseline())
    first, last = model.window

    def one(given: tuple) -> jax.Array:
        one_spectrum, ratio, key = given
        clean = predict(replace(one_spectrum, baseline=jnp.zeros(0)), basis_fid, whole)
        noise_sd = jnp.abs(clean[first:last]).max() / ratio
        clean = clean.at[first:last].add(noise_sd * predict_baseline(one_spectrum, model))
        noise = jax.random.normal(key, (2, model.n_points)) * noise_sd
        return fid_of(clean + jax.lax.complex(noise[0], noise[1]))

    keys = jax.random.split(jax.random.key(seed), len(snr))
    return jax.jit(lambda *rows: jax.lax.map(one, rows))(parameters, jnp.asarray(snr), keys)


def score(result: FitResult, truth: np.ndarray, rows: slice) -> dict[str, float]:
    """Percent of intervals that hold the truth, per metabolite."""
    estimate = result.flat()
    low, high = truncated_normal_interval(estimate.amplitude_centre[rows], estimate.amplitude_spread[rows])
    inside = (low <= truth[rows]) & (truth[rows] <= high)
    return dict(zip(result.names, (100 * inside.mean(axis=0)).tolist(), strict=True))


def challenge_score(result: FitResult, names: list[str], truth: np.ndarray) -> float:
    """Percent over 14 datasets and 20 metabolites, truths and estimates of zero included, after one factor each."""
    estimate = result.flat()
    columns = [result.names.index(name) for name in names]
    amplitude = estimate.parameters.amplitude[:, columns]
    factor = (np.sum(amplitude * truth, axis=1) / np.sum(amplitude**2, axis=1))[:, None]
    low, high = truncated_normal_interval(estimate.amplitude_centre[:, columns], estimate.amplitude_spread[:, columns])
    return float(100 * np.mean((factor * low <= truth) & (truth <= factor * high)))


def totals(amplitude: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Total creatine of each spectrum, [spectra, 1]."""
    return amplitude[:, [names.index("Cr")]] + amplitude[:, [names.index("PCr")]]


def table(drawn: dict, challenge: dict, count: int) -> str:
    lines = [
        f"95 % intervals that hold the truth, %, {count} spectra drawn per set.",
        f"(`python benchmarks/coverage.py --spectra {count}`)",
        "",
        "| metabolite | " + " | ".join(f"{name}, {snr}" for name in drawn for snr in drawn[name]) + " |",
        "|---|" + "---|" * sum(len(cells) for cells in drawn.values()),
    ]
    for metabolite in next(iter(drawn.values()))["all"]:
        cells = [cell[metabolite] for by_snr in drawn.values() for cell in by_snr.values()]
        lines.append(f"| {metabolite} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
    outside = {n: [m for m, c in by["all"].items() if not BAND[0] <= c <= BAND[1]] for n, by in drawn.items()}
    lines += ["", *(f"Outside 92 to 98 %, set `{n}`: {', '.join(m) or 'none'}." for n, m in outside.items())]
    lines += ["", "Fitting challenge, datasets 1-14, 20 metabolites, zeros included:"]
    lines += [f"- set `{name}`: {value:.1f} %" for name, value in challenge.items()]
    lines += [f"- {name}: {value} % (published run)" for name, value in PEERS.items()]
    return "\n".join(lines) + "\n"


def picture(drawn: dict, path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax = figure.subplots()
    for offset, (name, by_snr) in enumerate(drawn.items()):
        places = np.arange(len(by_snr["all"])) + 0.2 * (offset - 1)
        ax.plot(places, list(by_snr["all"].values()), "o", ms=4, label=f"priors: {name}")
    ax.axhspan(*BAND, color="0.92")
    ax.axhline(95, color="0.5", lw=0.8)
    ax.set(ylabel="coverage of 95 % intervals / %", ylim=(85, 100.5))
    ax.set_xticks(np.arange(len(by_snr["all"])), list(by_snr["all"]), rotation=60)
    ax.legend(frameon=False, ncols=3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
