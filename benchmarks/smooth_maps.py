"""What soft constraints between neighbours gain and cost: synthetic heads, fitted voxel by voxel and as a whole.

Errors against the known truth of shift, phase, width and amplitudes; fits that went wrong; coverage of 95 % intervals;
and a head with a sharp step of the field, where the constraint is wrong. Usage:

    python benchmarks/smooth_maps.py [--basis FILE] [--only TEXT]
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from common import HERE, use_all_cores, write_json

use_all_cores()

import diffmrs  # noqa: E402
from diffmrs.data import is_macromolecule  # noqa: E402
from diffmrs.demo import demo_basis  # noqa: E402
from diffmrs.fitting import FitResult  # noqa: E402
from diffmrs.lineshape import voigt_fwhm_hz  # noqa: E402
from diffmrs.simulate import SimulatedHead, simulate_head  # noqa: E402
from diffmrs.spatial import Smoothness, estimate_smoothness, fit_smooth  # noqa: E402

FEW = ("NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "Glu", "Gln", "Lac")
SUMS = {"tNAA": ("NAA", "NAAG"), "tCho": ("GPC", "PCho"), "Lac": ("Lac",)}
STEP_HZ = 20.0
WRONG_HZ, WRONG_RAD = 6.0, 1.0


def one_heavy_member(basis: diffmrs.Basis, metabolites: tuple[str, ...] | None) -> diffmrs.Basis:
    """Some metabolites, and all macromolecules as one member."""
    heavy = np.array([is_macromolecule(name) for name in basis.names])
    chosen = metabolites or tuple(np.array(basis.names)[~heavy])
    light = basis.select(chosen)
    total = np.asarray(basis.fid)[heavy].sum(axis=0, keepdims=True)
    fid = np.concatenate([np.asarray(light.fid), total]).astype(np.complex64)
    return diffmrs.Basis(fid, basis.acquisition, (*chosen, "MM"))


def with_step(head: SimulatedHead, step_hz: float) -> SimulatedHead:
    """The left half of the head at another frequency."""
    shift = np.array(head.parameters.frequency_shift_hz)
    shift[: shift.shape[0] // 2] += step_hz
    return replace(head, parameters=replace(head.parameters, frequency_shift_hz=jax.numpy.asarray(shift)))


def width(parameters: Any) -> np.ndarray:
    lorentz = np.asarray(parameters.lorentzian_fwhm_hz)
    light = slice(0, 1) if lorentz.shape[-1] <= 3 else slice(0, -1)
    gauss = np.asarray(parameters.gaussian_variance_hz2)[..., 0] ** 0.5
    return np.asarray(voigt_fwhm_hz(lorentz[..., light].mean(axis=-1), gauss))


def scores(result: FitResult, head: SimulatedHead, where: np.ndarray) -> dict[str, float]:
    """Root mean squares of the errors, and how often they lie within 1.96 standard deviations."""
    found, sd = result.estimate.parameters, result.estimate.sd
    shift = np.asarray(found.frequency_shift_hz)[..., 0] - head.shift_hz
    phase = np.angle(np.exp(1j * (np.asarray(found.phase0_rad) - head.phase_rad)))
    wrong = (np.abs(shift) > WRONG_HZ) | (np.abs(phase) > WRONG_RAD)
    out = {"wrong_percent": 100 * wrong[where].mean()}
    errors = {"shift_hz": shift, "phase_deg": np.degrees(phase), "width_hz": width(found) - width(head.parameters)}
    sds = {"shift_hz": np.asarray(sd.frequency_shift_hz)[..., 0], "phase_deg": np.degrees(np.asarray(sd.phase0_rad))}
    for label, members in SUMS.items():
        rows = [result.names.index(name) for name in members]
        total = np.asarray(found.amplitude)[..., rows].sum(axis=-1)
        errors[label] = total - head.concentration_mm(*members)
        covariance = np.asarray(result.estimate.amplitude_covariance)[..., rows, :][..., rows]
        sds[label] = np.sqrt(covariance.sum(axis=(-2, -1)))
    for label, error in errors.items():
        out[label] = float(np.sqrt(np.mean(error[where] ** 2)))
    for label, spread in sds.items():
        out[f"coverage_{label}"] = 100 * float(np.mean(np.abs(errors[label])[where] < 1.96 * spread[where]))
    return out


def compared(
    name: str, basis: diffmrs.Basis, size: int, snr: float, step_hz: float = 0.0, tau: Smoothness | None = None
) -> dict[str, Any]:
    """One head, both ways."""
    head = simulate_head(jax.random.key(size + int(snr)), basis, (size, size, 1), snr=snr, tumour_lipids=0.0)
    head = with_step(head, step_hz) if step_hz else head
    mask = head.mask

    def timed(work: Any) -> tuple[FitResult, float]:
        jax.block_until_ready(work().estimate)  # compiles
        start = time.perf_counter()
        result = jax.block_until_ready(work())
        return result, time.perf_counter() - start

    alone, seconds = timed(lambda: diffmrs.fit(head.data, basis))
    tau = tau or estimate_smoothness(alone, mask=mask)
    whole, more = timed(lambda: fit_smooth(alone, mask=mask, tau=tau))
    out: dict[str, Any] = {
        "case": name,
        "members": len(basis.names),
        "voxels": int(mask.sum()),
        "snr": snr,
        "tau": {"shift_hz": float(tau.shift_hz), "phase_deg": float(np.degrees(tau.phase_rad)),
                "width_hz": float(tau.width_hz)},
        "ms_per_voxel": {"fit": 1e3 * seconds / alone.data.n_spectra, "smooth": 1e3 * more / int(mask.sum())},
        "not_at_rest": int((np.asarray(whole.estimate.status)[mask] != 0).sum()),
        "alone": scores(alone, head, mask),
        "whole": scores(whole, head, mask),
    }  # fmt: skip
    if step_hz:
        edge = np.zeros_like(mask)
        edge[size // 2 - 1 : size // 2 + 1] = mask[size // 2 - 1 : size // 2 + 1]
        out["edge"] = {"alone": scores(alone, head, edge), "whole": scores(whole, head, edge)}
    print(out, flush=True)
    return out


def table(results: list[dict[str, Any]]) -> str:
    keys = ("shift_hz", "phase_deg", "width_hz", *SUMS, "wrong_percent")
    covers = ("coverage_shift_hz", "coverage_phase_deg", "coverage_tNAA")
    head = ("case", "SNR", "members", "voxels", *keys, *(key.replace("coverage_", "95 % ") for key in covers))
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for each in results:
        for part, pair in (("", each), (", beside the step", each.get("edge"))):
            if pair:
                cells = [each["case"] + part, f"{each['snr']:g}", str(each["members"]), str(each["voxels"])]
                cells += [f"{pair['alone'][key]:.3g} → {pair['whole'][key]:.3g}" for key in (*keys, *covers)]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--basis", type=Path, help="a full basis set; that of the demo by default")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--only", default="", help="cases with this in their names; the others keep their results")
    options = parser.parse_args()
    few = one_heavy_member(demo_basis(), FEW)
    full = one_heavy_member(diffmrs.read_basis(options.basis) if options.basis else demo_basis(), None)
    # Expected differences as the same head without a step has them: much less than the step.
    tight = Smoothness(shift_hz=1.0, phase_rad=0.2, width_hz=0.6)
    step = f"step of {STEP_HZ:g} Hz"
    cases: list[tuple[Any, ...]] = [
        ("smooth", few, 16, 8.0),
        ("smooth", few, 16, 25.0),
        ("very noisy", few, 24, 4.0),
        ("smooth", few, 24, 8.0),
        ("smooth", few, 24, 25.0),
        (step, few, 24, 8.0, STEP_HZ),
        (step, few, 24, 25.0, STEP_HZ),
        (f"{step}, 1 Hz expected", few, 24, 8.0, STEP_HZ, tight),
        (f"{step}, 1 Hz expected", few, 24, 25.0, STEP_HZ, tight),
        ("full basis", full, 24, 8.0),
        ("full basis", full, 24, 25.0),
    ]
    before = options.out / "smooth_maps.json"
    kept = json.loads(before.read_text())["results"] if options.only and before.exists() else []
    results = [each for each in kept if options.only not in each["case"]]
    results += [compared(*case) for case in cases if options.only in case[0]]
    write_json(options.out / "smooth_maps.json", {"results": results})
    text = (
        "# Soft constraints between neighbours\n\nRoot mean square errors, each voxel alone → the image as a whole; "
        f"fits that went wrong (by {WRONG_HZ:g} Hz or {WRONG_RAD:g} rad), %; coverage of 95 % intervals, %. Synthetic "
        "heads, one slice; expected differences estimated from the fits unless given. "
        "`python benchmarks/smooth_maps.py`\n\n"
    )
    (options.out / "smooth_maps.md").write_text(text + table(results) + "\n")


if __name__ == "__main__":
    main()
