"""Measured raw data through `diffmrs preprocess`: before, after, and beside the supplied processed spectrum.

    python benchmarks/raw_in_vivo.py [--data DIR] [--out DIR]

Writes `raw_in_vivo.json` and a figure per scan.
"""

from pathlib import Path

from common import arguments, use_all_cores, write_json

use_all_cores()

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from diffmrs.axes import Acquisition  # noqa: E402
from diffmrs.io import read_data  # noqa: E402
from diffmrs.raw import clean_raw  # noqa: E402
from diffmrs.raw.figures import before_after_figure  # noqa: E402
from diffmrs.raw.gains import gains_of  # noqa: E402

STEAM = "03_steam_7t_multicoil/steam7t_"
CASES = {
    "steam_7t": (
        f"{STEAM}metab_raw_4coil_16avg.nii.gz",
        f"{STEAM}wref_quant_raw_4coil_2avg.nii.gz",
        f"{STEAM}wref_ecc_raw_4coil_2avg.nii.gz",
    ),
    "press_3t": tuple(f"01_press35_philips_3t/sub-01/sub-01_press35_{kind}.nii.gz" for kind in ("act", "ref")),
    "spinal_cord_7t": tuple(f"07_slaser_spinal_cord_7t/slaser_longTE_{kind}.nii.gz" for kind in ("WS", "noWS")),
}
QUIET_PPM = {"above water": (5.2, 6.0), "below lipids": (-0.8, 0.0)}  # where nothing of the metabolites is


def main() -> None:
    options = arguments(__doc__)
    results, steam = {}, None
    for name, files in CASES.items():
        scans = [read_data(options.data / file) for file in files]
        cleaned = clean_raw(*scans[:2], ecc_water=scans[2] if len(scans) > 2 else None)
        record, acquisition = cleaned.series[0], scans[0].acquisition
        steam = record.after[0] if steam is None else steam
        gains = gains_of(record, acquisition)
        results[name] = {
            "snr": [gains.before.snr, gains.after.snr],
            "linewidth_hz": [gains.before.linewidth_hz, gains.after.linewidth_hz],
            "water_over_noise": [gains.water_before, gains.water_after],
            "mean_over_noise": {
                k: _level(record.after[0], acquisition, band, gains.after.noise_sd) for k, band in QUIET_PPM.items()
            },
            "left_out": int(record.outlier.sum()),
            "shift_range_hz": float(np.ptp(record.shift_hz)),
        }
        before_after_figure(record, acquisition).savefig(options.out / f"raw_in_vivo_{name}.png", dpi=80)
    supplied = read_data(options.data / f"{STEAM}fullscan_preprocessed.nii.gz")
    whole = np.asarray(supplied.spectra)[0]
    results["steam_7t"] |= _beside(steam, whole, supplied.acquisition, options.out)
    write_json(options.out / "raw_in_vivo.json", results)
    print((options.out / "raw_in_vivo.json").read_text())


def _spectrum(fid: np.ndarray) -> np.ndarray:
    return np.fft.fftshift(np.fft.fft(np.concatenate([0.5 * fid[:1], fid[1:]])))


def _level(fid: np.ndarray, acquisition: Acquisition, band: tuple[float, float], noise: float) -> float:
    """Mean of the real part in a band, over the noise of a point."""
    ppm = acquisition.ppm(fid.size)
    return float(_spectrum(fid).real[(ppm > band[0]) & (ppm < band[1])].mean() / noise)


def _beside(ours: np.ndarray, supplied: np.ndarray, acquisition: Acquisition, out: Path) -> dict[str, float]:
    """Correlation of the real parts from 0.5 to 4.2 ppm, after the shift and phase that make it largest; a figure."""
    time, ppm = acquisition.time_s(ours.size), acquisition.ppm(ours.size)
    window = (ppm > 0.5) & (ppm < 4.2)
    bell = np.exp(-np.pi * 3.0 * time)  # 3 Hz on both: the noise of 16 transients is not what is compared
    target = _spectrum(supplied * bell)[window]

    def moved(shift: float, phase: float) -> np.ndarray:
        return _spectrum(ours * bell * np.exp(1j * (2 * np.pi * shift * time + phase)))

    shifts = np.arange(-20, 20.1, 0.25)
    products = [np.vdot(moved(shift, 0.0)[window], target) for shift in shifts]
    best = int(np.argmax(np.abs(products)))
    line = moved(shifts[best], float(np.angle(products[best])))
    whole = _spectrum(supplied * bell)
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    ax = figure.subplots()
    drawn = ((line, "diffmrs: 4 of 32 coils, 16 transients", "#000000"), (whole, "supplied: whole scan", "#0072B2"))
    for k, (spectrum, label, color) in enumerate(drawn):
        height = np.abs(spectrum[window]).max()
        ax.plot(ppm, spectrum.real / height - 0.9 * k, linewidth=0.9, color=color, label=label)
    ax.set(xlim=(5.2, 0.2), ylim=(-1.3, 1.2), yticks=[], xlabel="chemical shift (ppm)")
    ax.legend(frameon=False)
    figure.savefig(out / "raw_in_vivo_steam_7t_beside.png", dpi=80)
    return {
        "correlation": float(np.corrcoef(line[window].real, target.real)[0, 1]),
        "shift_to_supplied_hz": float(shifts[best]),
        "phase_to_supplied_deg": float(np.degrees(np.angle(products[best]))),
    }


if __name__ == "__main__":
    main()
