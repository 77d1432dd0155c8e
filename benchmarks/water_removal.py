"""Removal of residual water: areas of metabolites, water left, time; beside hlsvdpropy where that is installed.

Simulated: 20 metabolites and 5 macromolecules (PRESS, TE 30 ms, 3 T, 2048 points, lines of 6 Hz; their lines between
4.25 and 5.05 ppm, which no method can tell from water, left out), and water 1000 times as high as NAA: three Lorentzian
lines, three with different phases, or two Voigt lines. Areas by linear least squares from 0.5 to 4.2 ppm, with and
without a polynomial baseline of order 8; changes are those against the same noise without water. Measured: 01, 02, 06
and 07 of the reference data, eddy currents corrected where there is a water scan.

    python benchmarks/water_removal.py [--voxels N] [--seeds N] [--data DIR] [--out DIR]
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import arguments, use_all_cores, write_json

use_all_cores()

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from diffmrs import Acquisition, MRSData, read_data, spectrum_of  # noqa: E402
from diffmrs.conditioning import without_eddy_currents  # noqa: E402
from diffmrs.lineshape import voigt_decay  # noqa: E402
from diffmrs.preprocess import WATER_PPM, remove_water, remove_water_from  # noqa: E402
from diffmrs.simulate import brain_concentrations  # noqa: E402
from diffmrs.spins import macromolecule_basis, press  # noqa: E402
from diffmrs.spins.spectrum import simulate_lines  # noqa: E402

try:
    import hlsvdpropy
except ImportError:
    hlsvdpropy = None

ACQUISITION, N_POINTS = Acquisition(1 / 2000, 123.25), 2048
TIME, PPM = ACQUISITION.time_s(N_POINTS), ACQUISITION.ppm(N_POINTS)
METABOLITES = ("Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "Gly", "GPC", "GSH", "Ins", "Lac", "NAA", "NAAG",
               "PCho", "PCr", "PE", "sIns", "Tau")  # fmt: skip
MACROMOLECULES = {"MM09": 5.0, "MM12": 3.5, "MM14": 5.0, "MM17": 3.5, "MM20": 6.0}
SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Ins": ("Ins",), "Glu": ("Glu",),
        "Gln": ("Gln",), "GSH": ("GSH",), "Tau": ("Tau",)}  # fmt: skip
WATERS = {  # share, offset / Hz, Lorentzian and Gaussian width / Hz, phase / rad
    "three lines": ((0.6, 0, 6, 0, 0.5), (0.3, 2, 11, 0, 0.5), (0.1, -3, 20, 0, 0.5)),
    "three phases": ((0.6, 0, 6, 0, 0.5), (0.4, 2, 11, 0, 3.0), (0.2, -6, 20, 0, -1.0)),
    "two Voigt lines": ((0.7, 0, 4, 5, 0.5), (0.3, 3, 3, 9, 0.5)),
}
WINDOW, BAND = (PPM > 0.5) & (PPM < 4.2), (WATER_PPM[0] < PPM) & (WATER_PPM[1] > PPM)
NAA = (PPM > 1.9) & (PPM < 2.1)
PEER_COMPONENTS = 25


def spectra_of(fid: np.ndarray) -> np.ndarray:
    halved = np.concatenate([0.5 * fid[..., :1], fid[..., 1:]], axis=-1)
    return np.fft.fftshift(np.fft.fft(halved, axis=-1), axes=-1)


def members() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, FIDs [members, points] and amounts."""
    lines = simulate_lines(METABOLITES, press(0.011, 0.019), ACQUISITION)
    ppm = ACQUISITION.hz_to_ppm(np.asarray(lines.frequency_hz))
    lines = replace(lines, amplitude=np.where((ppm > 4.25) & (ppm < 5.05), 0, np.asarray(lines.amplitude)))
    basis = lines.sampled(N_POINTS).joined(macromolecule_basis("lcmodel", ACQUISITION, N_POINTS, tuple(MACROMOLECULES)))
    decay = np.asarray(voigt_decay(jnp.asarray(TIME), jnp.asarray(3.0), jnp.asarray(4.0**2)))
    amounts = np.concatenate([brain_concentrations(METABOLITES), list(MACROMOLECULES.values())])
    return basis.names, np.asarray(basis.fid).astype(complex) * decay, amounts


def water_of(kind: str, height: float, offset_hz: float = 0.0) -> np.ndarray:
    fid = np.zeros(N_POINTS, complex)
    for share, shift, lorentz, gauss, phase in WATERS[kind]:
        rate = 2j * np.pi * (ACQUISITION.ppm_to_hz(4.65) + shift + offset_hz) - np.pi * lorentz
        fid += share * np.exp(rate * TIME + 1j * phase - (np.pi * gauss * TIME) ** 2 / (4 * np.log(2)))
    return height * fid / np.abs(spectra_of(fid)).max()


def ours(fid: np.ndarray, acquisition: Acquisition = ACQUISITION) -> np.ndarray:
    return np.asarray(remove_water(fid.astype(np.complex64), acquisition))


def peer(fid: np.ndarray, acquisition: Acquisition = ACQUISITION) -> np.ndarray:
    found = hlsvdpropy.hlsvdpro(fid.astype(complex), PEER_COMPONENTS)
    turn, damping, height, phase = found[2:6]
    ppm = acquisition.hz_to_ppm(turn / acquisition.dwell_time_s)
    inside = (ppm > WATER_PPM[0]) & (ppm < WATER_PPM[1])
    rate = damping[inside] + 2j * np.pi * turn[inside]
    return fid - np.exp(np.arange(fid.size)[:, None] * rate) @ (height * np.exp(1j * phase))[inside]


def areas(shapes: np.ndarray, names: tuple[str, ...], baseline: bool) -> np.ndarray:
    """What turns the window, real parts then imaginary parts, to the sums."""
    columns = spectra_of(shapes)[:, WINDOW]
    if baseline:
        smooth = np.polynomial.legendre.legvander(np.linspace(-1, 1, WINDOW.sum()), 8).T * np.abs(columns).max()
        columns = np.concatenate([columns, smooth, 1j * smooth])
    solved = np.linalg.pinv(np.concatenate([columns.real, columns.imag], axis=1).T)[: len(names)]
    return np.array([[name in parts for name in names] for parts in SUMS.values()], float) @ solved


def accuracy(way: Callable[[np.ndarray], np.ndarray], snr: float, seeds: int) -> dict[str, Any]:
    """Root mean square changes of areas in percent, and root mean squares of what is left over the noise."""
    names, shapes, amounts = members()
    clean = amounts @ shapes
    height = np.abs(spectra_of(clean))[NAA].max()
    noise = height / snr
    solved = {True: areas(shapes, names, True), False: areas(shapes, names, False)}
    truth = np.array([sum(amounts[names.index(name)] for name in parts) for parts in SUMS.values()])
    results: dict[str, Any] = {}
    for kind in WATERS:
        changes: dict[bool, list[np.ndarray]] = {True: [], False: []}
        left: list[tuple[float, float]] = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            fid = clean + noise / np.sqrt(N_POINTS) * (rng.normal(size=(2, N_POINTS)).T @ [1, 1j])
            change = spectra_of(way(fid + water_of(kind, 1000 * height)) - fid)
            window = np.concatenate([change[WINDOW].real, change[WINDOW].imag])
            for baseline in changes:
                changes[baseline].append(100 * solved[baseline] @ window / truth)
            left.append(tuple(float(np.sqrt((np.abs(change[at]) ** 2).mean() / 2) / noise) for at in (BAND, WINDOW)))  # type: ignore[arg-type]
        rms = {b: np.sqrt(np.mean(np.square(each), axis=0)) for b, each in changes.items()}
        results[kind] = {
            "area_change_percent": dict(zip(SUMS, map(float, rms[True]), strict=True)),
            "area_change_percent_no_baseline": dict(zip(SUMS, map(float, rms[False]), strict=True)),
            "left_in_band_over_noise": float(np.mean([b for b, _ in left])),
            "left_in_window_over_noise": float(np.mean([w for _, w in left])),
        }
    return results


def speed(voxels: int) -> dict[str, float]:
    """Seconds for one FID and for a volume, compilation apart; the peer's volume from a few of its FIDs."""
    _, shapes, amounts = members()
    clean = amounts @ shapes
    height = np.abs(spectra_of(clean))[NAA].max()
    rng = np.random.default_rng(0)
    sizes, offsets = rng.uniform(100, 1000, voxels), rng.normal(0, 5, voxels)
    noise = height / 40 / np.sqrt(N_POINTS) * (rng.normal(size=(voxels, N_POINTS, 2)) @ [1, 1j])
    rows = [clean + water_of("three lines", s * height, hz) for s, hz in zip(sizes, offsets, strict=True)]
    data = MRSData((np.array(rows) + noise).astype(np.complex64), ACQUISITION)
    results = {
        "compile_and_first_s": _seconds(lambda: remove_water_from(data), 1),
        "volume_s": _seconds(lambda: remove_water_from(data), 3),
    }
    ours(data.spectra[0])
    results["one_fid_s"] = _seconds(lambda: ours(data.spectra[0]), 10)
    change = spectra_of(np.asarray(remove_water_from(data).fid) - clean - noise)[:, BAND]
    left = np.sqrt((np.abs(change) ** 2).mean(axis=1) / 2)
    results["worst_left_in_band_over_noise"] = float(left.max() * 40 / height)
    if hlsvdpropy is not None:
        results["peer_one_fid_s"] = _seconds(lambda: peer(data.spectra[0]), 3)
        results["peer_volume_s_extrapolated"] = voxels * results["peer_one_fid_s"]
    return results


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


SCANS = {
    "01 Philips 3 T": ("01_press35_philips_3t/sub-01/sub-01_press35_act.nii.gz", "act", "ref"),
    "02 Philips 3 T": ("02_press30_mm_nulled_philips_3t/sub-01/sub-01_press30_act.nii.gz", "act", "ref"),
    "06 Siemens 3 T": ("06_siemens_svs_3t/svs_se_30_invivo.nii.gz", "", ""),
    "07 spinal cord 7 T": ("07_slaser_spinal_cord_7t/slaser_longTE_WS.nii.gz", "WS", "noWS"),
}


def measured(folder: Path, picture: Path) -> dict[str, Any]:
    """Water before and after over the tallest line of the window, and over the noise."""
    results: dict[str, Any] = {}
    figure = Figure(figsize=(9, 10), layout="constrained")
    panels = figure.subplots(len(SCANS), 1)
    for ax, (name, (file, here, there)) in zip(panels, SCANS.items(), strict=True):
        data = read_data(folder / file)
        if here:
            data = without_eddy_currents(data, read_data(folder / file.replace(f"{here}.nii", f"{there}.nii")))
        fid, ppm = np.asarray(data.spectra[0]), data.ppm
        ways = {"as measured": fid, "water removed": ours(fid, data.acquisition)}
        if hlsvdpropy is not None:
            ways["hlsvdpropy"] = peer(fid, data.acquisition)
        spectra = {way: np.asarray(spectrum_of(jnp.asarray(each))) for way, each in ways.items()}
        water, window = (ppm > WATER_PPM[0]) & (ppm < WATER_PPM[1]), (ppm > 1.8) & (ppm < 4.1)
        after = spectra["water removed"]
        tallest = np.abs(after[window]).max()
        ends = (ppm > ppm.max() - 1) | (ppm < ppm.min() + 1)
        noise = np.std((after[ends] - np.poly1d(np.polyfit(ppm[ends], after[ends], 1))(ppm[ends])).real)
        results[name] = {
            way: {
                "highest_in_band_over_tallest": float(np.abs(each[water]).max() / tallest),
                "rms_in_band_over_noise": float(np.sqrt((np.abs(each[water]) ** 2).mean() / 2) / noise),
            }
            for way, each in spectra.items()
        }
        styles = {"as measured": ("0.7", 0.6), "water removed": ("k", 0.9), "hlsvdpropy": ("C3", 0.5)}
        turn = np.exp(-1j * np.angle(fid[0])) if here else 1
        for way, each in spectra.items():
            ax.plot(ppm, (each * turn).real, color=styles[way][0], lw=styles[way][1], label=way)
        ax.set(xlim=(6, 0), ylim=(-0.6 * tallest, 1.2 * tallest), yticks=[], title=name)
    panels[0].legend(loc="lower left")
    panels[-1].set_xlabel("chemical shift (ppm)")
    figure.savefig(picture, dpi=100)
    return results


def main() -> None:
    options = arguments(__doc__, voxels=1000, seeds=8)
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"diffmrs, single precision": ours}
    if hlsvdpropy is not None:
        ways[f"hlsvdpropy, {PEER_COMPONENTS} components, double precision"] = peer
    results: dict[str, Any] = {
        f"SNR {snr}": {name: accuracy(way, snr, options.seeds if way is ours else 2) for name, way in ways.items()}
        for snr in (40, 400)
    }
    results["time"] = {"voxels": options.voxels, **speed(options.voxels)}
    results["measured"] = measured(options.data, options.out / "water_removal.png")
    write_json(options.out / "water_removal.json", results)
    print((options.out / "water_removal.json").read_text())


if __name__ == "__main__":
    main()
