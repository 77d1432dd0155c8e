"""What each description of the macromolecules is worth: fitting challenge and measured spectra, prior set `ratios`.

    python benchmarks/macromolecules.py [--data DIR] [--out DIR]

The challenge is fitted without the macromolecule member of its basis (which is the truth), and with it in the last row.
Measured spectra are fitted in LCModel's window, up to 4.0 ppm, so that ratios to tCr can be put beside LCModel's; the
window of diffmrs, up to 4.2 ppm, is given too for spectrum 02. Writes `macromolecules.md` and `macromolecules.json`.
"""

from pathlib import Path

from common import arguments, use_all_cores, write_json

use_all_cores()

import numpy as np  # noqa: E402
from fitting_challenge import load  # noqa: E402
from in_vivo import RATIOS, cases, lcmodel_ratios, ratios  # noqa: E402

import diffmrs  # noqa: E402
from diffmrs.conditioning import with_macromolecules, without_eddy_currents, without_water  # noqa: E402
from diffmrs.measured_mm import measured_macromolecules  # noqa: E402
from diffmrs.pipeline import FitOptions  # noqa: E402

SETS = ("auto", "lcmodel", "osprey_mm15", "none")
WINDOWS = {"01 PRESS 35, 1.8-4.2 ppm": (1.8, 4.0), "02 PRESS 30": (0.2, 4.0), "06 PRESS 30": (0.2, 4.0)}


def main() -> None:
    options = arguments(__doc__)
    rows, collected = [], {"challenge": challenge(options.data), "in_vivo": {}}
    for title, window in WINDOWS.items():
        case, table = cases(options.data)[title]
        theirs = lcmodel_ratios(table)
        windows = (window, (0.5, 4.2)) if title.startswith("02") else (window,)
        data, basis = prepared(case)
        choices = {name: name for name in SETS}
        if title.startswith("02"):
            measured = measured_of(case.data)
            choices |= {"measured": measured, "measured, lipids": (measured, "lipids")}
        for low, high in windows:
            for name, choice in choices.items():
                full, _ = with_macromolecules(basis, data, choice)
                result = diffmrs.fit(data, full, ppm_range=(low, high))
                ours, chi2 = ratios(result), float(result.flat().chi2_reduced[0])
                key = f"{title[:2]}, {low:g}-{high:g} ppm, {name}"
                collected["in_vivo"][key] = {"diffmrs": ours, "lcmodel": theirs, "chi2_reduced": chi2}
                cells = [f"{100 * (ours[r] / theirs[r] - 1):+.0f} %" for r in RATIOS]
                rows.append(f"| {title[:2]} | {low:g}-{high:g} | {name} | {' | '.join(cells)} | {chi2:.1f} |")
                print(rows[-1], flush=True)
    head = f"| spectrum | ppm | macromolecules | {' | '.join(RATIOS)} | reduced χ² |\n|"
    head += "---|" * (len(RATIOS) + 4)
    scores = [
        f"| {name} | {s['mosae_mm_mean']:.3f} | {s['mosae_mm_median']:.3f} | {100 * s['coverage']:.1f} % |"
        for name, s in collected["challenge"].items()
    ]
    text = "\n".join([
        "`python benchmarks/macromolecules.py`. Fitting challenge, datasets 1-14, otherwise the defaults:", "",
        "| macromolecules | MOSAE mean / mM | median | 95 % intervals hold the truth |\n|---|---|---|---|", *scores, "",
        "Measured spectra: ratios to tCr, difference from LCModel 6.3.", "", head, *rows, "",
    ])  # fmt: skip
    (options.out / "macromolecules.md").write_text(text, encoding="utf-8")
    write_json(options.out / "macromolecules.json", collected)
    print(text)


def challenge(data: Path) -> dict[str, dict[str, float]]:
    """Errors of the challenge by set."""
    spectra, names, truth = load(data / "15_fitting_challenge_2016")
    basis = diffmrs.read_basis(data / "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz", remove_reference=True)
    bare = basis.without(name for name in basis.names if diffmrs.data.is_macromolecule(name))
    found = {}
    for label, members, choice in (*((name, bare, name) for name in SETS), ("its own member", basis, "none")):
        full, _ = with_macromolecules(members, spectra, choice)
        estimate = (result := diffmrs.fit(spectra, full)).flat()
        columns = [result.names.index(name) for name in names]
        amplitude, sd = estimate.parameters.amplitude[:, columns], estimate.sd.amplitude[:, columns]
        factor = np.sum(amplitude * truth, axis=1) / np.sum(amplitude**2, axis=1)
        error = np.abs(factor[:, None] * amplitude - truth)
        found[label] = {
            "mosae_mm_mean": float(error.mean()),
            "mosae_mm_median": float(np.median(error.mean(axis=1))),
            "coverage": float(np.mean(error <= 1.96 * factor[:, None] * sd)),
        }
        print(label, found[label], flush=True)
    return found


def prepared(case: FitOptions) -> tuple[diffmrs.MRSData, diffmrs.Basis]:
    """Data and basis of a case, without macromolecules added."""
    data = diffmrs.read_data(case.data)
    if case.water is not None:
        data = without_eddy_currents(data, diffmrs.read_data(case.water))
    return without_water(data), diffmrs.read_basis(case.basis, ppm_reference=case.basis_ppm_reference)


def measured_of(path: Path) -> diffmrs.Basis:
    """The metabolite-nulled scan beside a scan."""
    stem = path.name.removesuffix("_act.nii.gz")
    scan, water = (diffmrs.read_data(path.parent / f"{stem}_inversion_ti600_{kind}.nii.gz") for kind in ("act", "ref"))
    found = measured_macromolecules(without_water(without_eddy_currents(scan, water)))
    print(found.in_words, flush=True)
    return found.basis


if __name__ == "__main__":
    main()
