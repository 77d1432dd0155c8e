"""Fit the measured spectra of the reference data with `diffmrs fit` and put ratios to tCr beside LCModel's.

    python benchmarks/in_vivo.py [--data DIR] [--out DIR]

Writes `in_vivo.md` and `in_vivo.json`, and one figure per spectrum.
"""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

from common import arguments, use_all_cores, write_json

use_all_cores()


from diffmrs.combine import combinations_of  # noqa: E402
from diffmrs.fitting import ModelOptions  # noqa: E402
from diffmrs.pipeline import FitOptions, fit_files  # noqa: E402
from diffmrs.plot import fit_figure  # noqa: E402

LCMODEL_RANGE = (0.2, 4.0)  # ppm, of the runs compared with
RATIOS = ("tNAA", "tCho", "Ins", "Glx", "Glu")
LCMODEL = {"tNAA": "NAA+NAAG", "tCho": "GPC+PCh", "Ins": "Ins", "Glx": "Glu+Gln", "Glu": "Glu", "tCr": "Cr+PCr"}
PRESS30 = "12_basis_sets/press_30ms_3T.basis.gz"
OSPREY35 = "12_basis_sets/3T_PRESS_Philips_35ms_noMM.BASIS"


def cases(data: Path) -> dict[str, tuple[FitOptions, Path]]:
    """What is fitted, with which options, and LCModel's table for it."""
    first, second = data / "01_press35_philips_3t/sub-01", data / "02_press30_mm_nulled_philips_3t/sub-01"
    third = data / "06_siemens_svs_3t"
    press35 = FitOptions(
        first / "sub-01_press35_act.nii.gz",
        data / OSPREY35,
        water=first / "sub-01_press35_ref.nii.gz",
        ecc=True,
        remove_water=True,
        basis_ppm_reference=4.68,
    )
    press30 = FitOptions(
        second / "sub-01_press30_act.nii.gz",
        data / PRESS30,
        water=second / "sub-01_press30_ref.nii.gz",
        ecc=True,
        remove_water=True,
    )
    siemens = FitOptions(third / "svs_se_30_invivo.nii.gz", data / PRESS30, remove_water=True)
    of_first = first / "reference_results/lcmodel_ecc.table"
    of_second = second / "reference_results/lcmodel_press30_ecc.table"
    of_third = third / "reference_results/svs_se_30_invivo_lcmodel.table"
    return {
        "01 PRESS 35, 1.8-4.2 ppm": (replace(press35, ppm_range=(1.8, 4.2)), of_first),
        "01 PRESS 35": (press35, of_first),
        "01 PRESS 35, 0.2-4.0 ppm": (replace(press35, ppm_range=LCMODEL_RANGE), of_first),
        "02 PRESS 30": (press30, of_second),
        "02 PRESS 30, 0.2-4.0 ppm": (replace(press30, ppm_range=LCMODEL_RANGE), of_second),
        "06 PRESS 30": (siemens, of_third),
        "06 PRESS 30, 0.2-4.0 ppm": (replace(siemens, ppm_range=LCMODEL_RANGE), of_third),
    }


def main() -> None:
    options = arguments(__doc__)
    rows, collected = [], {}
    for (title, (case, table)), priors in product(cases(options.data).items(), ("ratios", "weak", "none")):
        run = fit_files(replace(case, model=ModelOptions(priors=priors)))
        ours, theirs = ratios(run.result), lcmodel_ratios(table)
        chi2, status = float(run.quality.chi2_reduced[0]), run.quality.status[0]
        collected[f"{title}, {priors}"] = {"diffmrs": ours, "lcmodel": theirs, "chi2_reduced": chi2, "status": status}
        cells = [
            f"{ours[name]:.3f} / {theirs[name]:.3f} ({100 * (ours[name] / theirs[name] - 1):+.0f} %)" for name in RATIOS
        ]
        rows.append(f"| {title} | {priors} | " + " | ".join(cells) + f" | {chi2:.1f} |")
        if priors == "ratios":
            name = re.sub(r"[^0-9a-z]+", "_", title.lower())
            fit_figure(run.result, index=0).savefig(options.out / f"in_vivo_{name}.png", dpi=70)
    head = "| spectrum | priors | " + " | ".join(RATIOS) + " | reduced χ² |\n|" + "---|" * (len(RATIOS) + 3)
    caption = "Ratios to tCr, diffmrs / LCModel 6.3 (difference). `python benchmarks/in_vivo.py`"
    text = "\n".join([caption, "", head, *rows, ""])
    (options.out / "in_vivo.md").write_text(text)
    write_json(options.out / "in_vivo.json", collected)
    print(text)


def ratios(result) -> dict[str, float]:
    amplitude = result.flat().parameters.amplitude[0]
    values = dict(zip(result.names, amplitude, strict=True))
    sums, weights = combinations_of(result.names)
    values |= dict(zip(sums, weights @ amplitude, strict=True))
    return {name: float(values[name] / values["tCr"]) for name in RATIOS}


def lcmodel_ratios(table: Path) -> dict[str, float]:
    """Ratios to Cr+PCr from the concentration table LCModel prints."""
    found = {}
    for line in table.read_text(errors="replace").splitlines():
        match = re.match(r"\s*([\d.Ee+-]+)\s+\d+%\s+([\d.Ee+-]+)\s+(\S+)", line)
        if match:
            found[match[3]] = float(match[1])
    return {name: found[LCMODEL[name]] / found["Cr+PCr"] for name in RATIOS}


if __name__ == "__main__":
    main()
