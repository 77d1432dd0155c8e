"""Spoil spectra of known truth, fit them, and count: right answers, flags, and wrong answers without a flag.

Datasets 1-14 of the ISMRM 2016 fitting challenge get one artefact each time. The fit and its options are the defaults
of `diffmrs.fit`, the same for all, but where a row says that a cure was used. An amplitude is right when it lies within
10 % or two standard deviations of the truth, whichever is more.

    python benchmarks/artefacts.py [--data DIR] [--out DIR]
"""

import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import jax
from common import arguments, use_all_cores, write_json

use_all_cores()

import numpy as np  # noqa: E402
from fitting_challenge import load  # noqa: E402

import diffmrs  # noqa: E402
from diffmrs.conditioning import without_eddy_currents, without_water  # noqa: E402
from diffmrs.data import Basis, MRSData  # noqa: E402
from diffmrs.quality import FLAGS, quality_of  # noqa: E402

MAJOR = {
    "tNAA": ("NAA", "NAAG"),
    "tCr": ("Cr", "PCr"),
    "tCho": ("GPC", "PCho"),
    "Ins+Gly": ("Ins", "Gly"),
    "Glx": ("Glu", "Gln"),
}
RIGHT_PERCENT, RIGHT_SD = 10.0, 2.0
CAUTIONS = frozenset(flag.name for flag in FLAGS if not flag.severe)


@dataclass(frozen=True)
class Clean:
    """The spectra before anything happens to them: FIDs, their water scans, sampling, basis and truth."""

    fid: np.ndarray
    water: np.ndarray
    data: MRSData
    basis: Basis
    names: list[str]
    truth: np.ndarray

    @property
    def time(self) -> np.ndarray:
        """Sample times, s."""
        return self.data.time_s

    @property
    def size(self) -> np.ndarray:
        """Signal of each spectrum near time zero, [datasets, 1]; artefacts are given as parts of it."""
        return np.abs(self.fid[:, 3:4])

    def line(self, ppm: float, width_hz: float, phase_rad: float = 0.0, start_s: float = 0.0) -> np.ndarray:
        """A Gaussian line of unit size, largest at `start_s`."""
        since = self.time - start_s
        decay = np.exp(-((np.pi * width_hz * since) ** 2) / (4 * np.log(2)))
        return decay * np.exp(2j * np.pi * self.data.acquisition.ppm_to_hz(ppm) * since + 1j * phase_rad)

    def eddy(self, rad: float, decay_s: float) -> np.ndarray:
        """Phase of an eddy current that dies away."""
        return np.exp(1j * rad * np.exp(-self.time / decay_s))


Spoil = Callable[[Clean], np.ndarray]


def with_water(part: float) -> Spoil:
    return lambda c: c.fid + part * c.size * c.line(4.68, 8.0, 1.0)


def with_eddy(rad: float, decay_s: float) -> Spoil:
    return lambda c: c.fid * c.eddy(rad, decay_s)


def with_lipids(part: float, phase_rad: float = 0.0) -> Spoil:
    lines = ((1.3, 0.55, 16.0), (0.9, 0.25, 16.0), (1.25, 0.2, 45.0))
    return lambda c: c.fid + part * c.size * sum(a * c.line(ppm, width, phase_rad) for ppm, a, width in lines)


def with_echo(part: float, at_s: float, ppm: float) -> Spoil:
    return lambda c: c.fid + part * c.size * c.line(ppm, 60.0, 0.5, at_s)


def moved(ppm: float) -> Spoil:
    return lambda c: c.fid * np.exp(-2j * np.pi * ppm * c.data.acquisition.spectrometer_frequency_mhz * c.time)


def noise_only(c: Clean) -> np.ndarray:
    scale = c.size.mean() * 0.03 / np.sqrt(2)
    return scale * (np.random.default_rng(1).normal(size=(*c.fid.shape, 2)) @ np.array([1, 1j]))


def narrower_than_basis(c: Clean) -> np.ndarray:
    """The true mixture with lines of 0.6 Hz, where the basis has 2 Hz, and noise as in dataset 1."""
    mixture = np.stack([c.truth[:, k : k + 1] * c.basis.fid[c.basis.index(n)] for k, n in enumerate(c.names)]).sum(0)
    fid = mixture * np.exp(np.pi * 1.4 * c.time)
    scale = 0.01 * np.abs(fid[:, :1])
    noise = np.random.default_rng(2).normal(size=(*fid.shape, 2)) @ np.array([1, 1j])
    return fid + scale * noise


def clipped(c: Clean) -> np.ndarray:
    top = 0.5 * np.maximum(np.abs(c.fid.real), np.abs(c.fid.imag)).max(axis=1, keepdims=True)
    return np.clip(c.fid.real, -top, top) + 1j * np.clip(c.fid.imag, -top, top)


def with_spike(c: Clean) -> np.ndarray:
    fid = c.fid.copy()
    fid[:, 100:101] += 0.5 * c.size
    return fid


CASES: dict[str, Spoil] = {
    "clean": lambda c: c.fid,
    "residual water, 0.3 of the metabolites": with_water(0.3),
    "residual water, 3 times": with_water(3.0),
    "residual water, 30 times": with_water(30.0),
    "eddy currents, 0.5 rad, 50 ms": with_eddy(0.5, 0.05),
    "eddy currents, 1.5 rad, 30 ms": with_eddy(1.5, 0.03),
    "eddy currents, 4 rad, 60 ms": with_eddy(4.0, 0.06),
    "lipids, 0.1 of the metabolites": with_lipids(0.1),
    "lipids, 0.5": with_lipids(0.5),
    "lipids, 3 times": with_lipids(3.0),
    "lipids out of phase, 0.1": with_lipids(0.1, 2.5),
    "lipids out of phase, 1 times": with_lipids(1.0, 2.5),
    "spurious echo, 5 %, 60 ms, 2.5 ppm": with_echo(0.05, 0.06, 2.5),
    "spurious echo, 10 %, 30 ms, 1.8 ppm": with_echo(0.1, 0.03, 1.8),
    "spurious echo, 20 %, 150 ms, 3.4 ppm": with_echo(0.2, 0.15, 3.4),
    "conjugated data": lambda c: c.fid.conj(),
    "ppm axis off by 0.17": moved(0.17),
    "ppm axis off by 0.6": moved(0.6),
    "ppm axis off by -0.6": moved(-0.6),
    "noise only": noise_only,
    "lines narrower than the basis": narrower_than_basis,
    "interference, undamped line at 2.2 ppm": lambda c: c.fid + 0.02 * c.size * c.line(2.2, 0.0),
    "clipped receiver": clipped,
    "spike in the FID": with_spike,
}
CURED = {
    "residual water, 30 times, removed": "residual water, 30 times",
    "eddy currents, 4 rad, corrected": "eddy currents, 4 rad, 60 ms",
}


def main() -> None:
    options = arguments(__doc__)
    clean = load_clean(options.data)
    found = {}
    fids = {title: spoil(clean) for title, spoil in CASES.items()}
    fids |= {title: cure(title, clean, fids[case]) for title, case in CURED.items()}
    factor = None
    for title, fid in fids.items():
        data = MRSData(np.asarray(fid, np.complex64), clean.data.acquisition)
        result = diffmrs.fit(data, clean.basis)
        amplitude, sd, truth = major(result, clean)
        if factor is None:  # amplitude per mM of each dataset, from its clean spectrum, for all that follow
            factor = np.sum(amplitude * truth, axis=1) / np.sum(truth**2, axis=1)
        per_mm = np.ones(len(truth)) if title == "lines narrower than the basis" else factor
        expected = per_mm[:, None] * (0.0 * truth if title == "noise only" else truth)
        found[title] = judged(amplitude, sd, expected, quality_of(result))
    alarms = false_alarms(clean)
    write_json(
        options.out / "artefacts.json",
        {
            "command": "python benchmarks/artefacts.py",
            "right": f"within {RIGHT_PERCENT:g} % or {RIGHT_SD:g} standard deviations of the truth",
            "amplitudes_per_case": len(MAJOR) * len(clean.truth),
            "cases": found,
            "more_noise": alarms,
            "versions": {"diffmrs": diffmrs.__version__, "jax": jax.__version__, "python": platform.python_version()},
        },
    )
    text = table(found) + alarm_table(alarms)
    (options.out / "artefacts.md").write_text(text)
    print(text)


def load_clean(folder) -> Clean:
    challenge = folder / "15_fitting_challenge_2016"
    data, names, truth = load(challenge)
    water = np.concatenate(
        [diffmrs.read_data(challenge / f"dataset{k:02d}_ref.nii.gz").spectra for k in range(1, len(truth) + 1)]
    )
    basis = diffmrs.read_basis(folder / "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz", remove_reference=True)
    return Clean(
        np.asarray(data.spectra),
        np.asarray(water),
        data,
        diffmrs.resample(basis, data.acquisition, data.n_points),
        names,
        truth,
    )


def cure(title: str, clean: Clean, fid: np.ndarray) -> np.ndarray:
    """What the command line does with --remove-water, or with --ecc and a water scan of the same eddy currents."""
    data = MRSData(fid.astype(np.complex64), clean.data.acquisition)
    if "water" in title:
        return np.asarray(without_water(data).fid)
    water = MRSData((clean.water * clean.eddy(4.0, 0.06)).astype(np.complex64), clean.data.acquisition)
    return np.asarray(without_eddy_currents(data, water).fid)


def major(result, clean: Clean) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fitted amplitude, its standard deviation and the truth of the major metabolites, [datasets, metabolites]."""
    rows = result.flat()
    weights = np.array([[float(name in members) for name in result.names] for members in MAJOR.values()])
    sd = np.sqrt(np.einsum("ki,nij,kj->nk", weights, rows.amplitude_covariance, weights))
    truth = np.stack([clean.truth[:, [clean.names.index(n) for n in members]].sum(1) for members in MAJOR.values()], 1)
    return rows.parameters.amplitude @ weights.T, sd, truth


def judged(amplitude: np.ndarray, sd: np.ndarray, expected: np.ndarray, quality) -> dict:
    """Counts of one case."""
    error = np.abs(amplitude - expected)
    right = error <= np.maximum(RIGHT_PERCENT / 100 * expected, RIGHT_SD * sd)
    severe = quality.flags.severe
    any_flag = np.array([bool(set(quality.flags.names(k)) - {"axis_shifted"}) for k in range(len(severe))])
    percent = 100 * error / np.where(expected > 0, expected, np.nan)
    return {
        "median_error_percent": float(np.median(percent)) if (expected > 0).all() else None,
        "right": int(right.sum()),
        "flagged_severe": int(severe.sum()),
        "flagged": int(any_flag.sum()),
        "wrong_without_severe_flag": int((~right & ~severe[:, None]).sum()),
        "wrong_without_flag": int((~right & ~any_flag[:, None]).sum()),
        "flags": dict(Counter(name for k in range(len(severe)) for name in quality.flags.names(k)).most_common()),
    }


def false_alarms(clean: Clean, copies: int = 25) -> dict[str, dict]:
    """Flags of datasets 1-11 with more noise, which is no artefact, and of noise alone."""
    rng = np.random.default_rng(3)
    tail_sd = np.std(clean.fid[:11, 1024:].real, axis=1)[:, None, None]
    found = {}
    for more in (1.0, 4.0, 8.0, np.inf):
        noise = rng.normal(size=(11, copies, clean.fid.shape[1], 2)) @ np.array([1, 1j])
        fid = noise if np.isinf(more) else clean.fid[:11, None] + more * tail_sd * noise
        data = MRSData(fid.reshape(-1, clean.fid.shape[1]).astype(np.complex64), clean.data.acquisition)
        quality = quality_of(diffmrs.fit(data, clean.basis))
        title = "noise only" if np.isinf(more) else f"with {more:g} times the noise added"
        found[title] = {
            "spectra": data.n_spectra,
            "snr_1_50_99_percent": np.percentile(quality.snr, [1, 50, 99]).tolist(),
            "severe": int(quality.flags.severe.sum()),
            "flags": quality.flags.counts(),
        }
    return found


def alarm_table(alarms: dict[str, dict]) -> str:
    lines = [
        "",
        "| datasets 1-11, 25 copies each | SNR (1, 50, 99 %) | flagged severe | flags |",
        "|---|---|---|---|",
    ]
    for title, case in alarms.items():
        snr = ", ".join(f"{value:.0f}" for value in case["snr_1_50_99_percent"])
        flags = ", ".join(f"{name} {n}" for name, n in case["flags"].items())
        lines.append(f"| {title} | {snr} | {case['severe']} of {case['spectra']} | {flags} |")
    return "\n".join([*lines, ""])


def table(found: dict[str, dict]) -> str:
    total = len(MAJOR) * 14
    lines = [
        f"Five major metabolites ({', '.join(MAJOR)}) in 14 spectra: {total} amplitudes per case. "
        "`python benchmarks/artefacts.py`",
        "",
        "| case | median error | right | flagged severe / at all | wrong without a flag | most frequent flags |",
        "|---|---|---|---|---|---|",
    ]
    for title, case in found.items():
        error = "" if case["median_error_percent"] is None else f"{case['median_error_percent']:.1f} %"
        flags = ", ".join(f"{name} {n}" for name, n in list(case["flags"].items())[:4])
        lines.append(
            f"| {title} | {error} | {case['right']} | {case['flagged_severe']} / {case['flagged']} of 14 | "
            f"{case['wrong_without_flag']} | {flags} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
