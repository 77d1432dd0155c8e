"""Raw data of known truth through `clean_raw` and the fit, beside perfect processing of the same data.

    python benchmarks/raw_end_to_end.py [--sets N] [--out DIR]

Each set: 8 coils with correlated noise, 64 transients that drift by 6 Hz and 0.6 rad and walk, a tenth of them spoilt
by motion, eddy currents, residual water. The loss of signal-to-noise ratio is that against perfect processing of the
very same data: true sensitivities and offsets, no spoilt transient, no water. Writes `raw_end_to_end.json`.
"""

from common import arguments, use_all_cores, write_json

use_all_cores()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from diffmrs import MRSData, fit  # noqa: E402
from diffmrs.demo import demo_spectrum  # noqa: E402
from diffmrs.raw import RawOptions, clean_raw  # noqa: E402
from diffmrs.simulate import simulate_raw  # noqa: E402

NAMES = ("tNAA", "tCr", "tCho", "Glx", "Ins", "Glu", "GSH", "GABA")
SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Glx": ("Glu", "Gln")}
CASES = {
    "all steps": RawOptions(),
    "registration, plain mean": RawOptions(align="registration", average="mean"),
    "no alignment, plain mean": RawOptions(align="none", average="mean"),
}
STRONG = ("tNAA", "tCr", "tCho")  # whose amplitudes stand for the signal
NOISE_SD = 50.0  # of a coil in a transient; the mean then has the SNR of the demo, about 65


def main() -> None:
    options = arguments(__doc__, sets=12)
    demo = demo_spectrum(jax.random.key(0), noise_sd=0.0)
    ideal_fid, basis = np.asarray(demo.data.spectra[0]), demo.basis
    members = {name: SUMS.get(name, (name,)) for name in NAMES}
    columns = {name: [basis.names.index(m) for m in parts if m in basis.names] for name, parts in members.items()}
    truth = {name: float(np.sum(demo.amplitude[rows])) for name, rows in columns.items()}
    errors: dict[str, list[dict[str, float]]] = {name: [] for name in (*CASES, "perfect processing")}
    losses: dict[str, list[float]] = {name: [] for name in CASES}
    found, missed, false = 0, 0, 0
    for seed in range(options.sets):
        raw = simulate_raw(jax.random.key(seed), ideal_fid, demo.data.acquisition, motion=0.1, noise_sd=NOISE_SD)
        perfect = _amplitudes(raw.ideal, basis, columns)
        errors["perfect processing"].append(perfect)
        gain = float(jnp.sqrt(jnp.sum(jnp.abs(raw.truth.sensitivity) ** 2)))  # of the coils, together
        for name, how in CASES.items():
            scan = clean_raw(raw.data, raw.water, how)
            errors[name].append(_amplitudes(scan.data, basis, columns))
            signal = sum(errors[name][-1][line] / perfect[line] for line in STRONG) / len(STRONG) / gain
            losses[name].append(100 * (1 - signal * _noise(raw.ideal) / (_noise(scan.data) / gain)))
            if name == "all steps":
                told, true = scan.series[0].outlier[0], np.asarray(raw.truth.outlier)
                found, missed = found + (told & true).sum(), missed + (~told & true).sum()
                false += (told & ~true).sum()
    scale = {name: _scale(rows, truth) for name, rows in errors.items()}
    results = {
        "sets": options.sets,
        "snr_loss_percent": {name: {"mean": np.mean(v), "worst": np.max(v)} for name, v in losses.items()},
        "spoilt_transients": {"left_out": int(found), "kept": int(missed), "sound_left_out": int(false)},
        "amplitude_error_percent": {
            name: {
                quantity: {
                    "bias": 100 * np.mean([row[quantity] / scale[name] / truth[quantity] - 1 for row in rows]),
                    "sd": 100 * np.std([row[quantity] / scale[name] / truth[quantity] for row in rows]),
                }
                for quantity in NAMES
            }
            for name, rows in errors.items()
        },
        "difference_from_perfect_percent": {
            name: {
                quantity: 100
                * np.sqrt(
                    np.mean(
                        [
                            (one[quantity] / scale[name] - other[quantity] / scale["perfect processing"]) ** 2
                            for one, other in zip(errors[name], errors["perfect processing"], strict=True)
                        ]
                    )
                )
                / truth[quantity]
                for quantity in NAMES
            }
            for name in CASES
        },
    }
    write_json(options.out / "raw_end_to_end.json", results)
    print((options.out / "raw_end_to_end.json").read_text())


def _amplitudes(data: MRSData, basis, columns) -> dict[str, float]:
    result = fit(MRSData(np.asarray(data.spectra), data.acquisition), basis)
    amplitude = np.asarray(result.estimate.parameters.amplitude)[0]
    return {name: float(amplitude[rows].sum()) for name, rows in columns.items()}


def _scale(rows: list[dict[str, float]], truth: dict[str, float]) -> float:
    """What amplitudes have in common: the sum over coils has a scale of its own, which the water scan takes out."""
    return float(np.mean([row["tCr"] + row["tNAA"] for row in rows]) / (truth["tCr"] + truth["tNAA"]))


def _noise(data: MRSData) -> float:
    """Of the real part of a sample, from the last half of the FID, where nothing else is left."""
    fid = np.asarray(data.spectra)[0]
    return float(np.sqrt(np.mean(np.abs(fid[fid.size // 2 :]) ** 2) / 2))


if __name__ == "__main__":
    main()
