"""Water-scaled concentrations beside LCModel's: the factor, the fitting challenge, and what the line shape is worth.

    python benchmarks/water_scaling.py [--data DIR] [--out DIR]

Writes `water_scaling.md` and `water_scaling.json`.
"""

import re
from pathlib import Path

from common import arguments, use_all_cores, write_json

use_all_cores()


import numpy as np  # noqa: E402

from diffmrs.combine import combinations_of  # noqa: E402
from diffmrs.conditioning import with_macromolecules, without_eddy_currents, without_water  # noqa: E402
from diffmrs.data import Basis, MRSData  # noqa: E402
from diffmrs.fitting import Bounds, fit  # noqa: E402
from diffmrs.io import has_reference_singlet, read_basis, read_data, remove_reference_singlet  # noqa: E402
from diffmrs.io.lcmodel_basis import singlet_width_ppm  # noqa: E402
from diffmrs.quantify import AtTimeZero, LCModelAreas, WaterReference, metabolites_per_water  # noqa: E402

CHALLENGE = WaterReference(29697.0, 1.0, float(np.exp(-30 / 160)))
WIDEST_LORENTZIAN_HZ = (0.6, 2.0, 3.0, 50.0)
MEASURED = {
    "01 PRESS 35": (
        "01_press35_philips_3t/sub-01/sub-01_press35",
        "3T_PRESS_Philips_35ms_noMM.BASIS",
        4.68,
        (1.8, 4.2),
        "lcmodel_ecc",
    ),
    "02 PRESS 30": (
        "02_press30_mm_nulled_philips_3t/sub-01/sub-01_press30",
        "press_30ms_3T.basis.gz",
        None,
        None,
        "lcmodel_press30_ecc",
    ),
}


def main() -> None:
    options = arguments(__doc__)
    challenge, measured = challenge_rows(options.data), measured_rows(options.data)
    write_json(options.out / "water_scaling.json", {"challenge": challenge, "measured": measured})
    widths = "".join(f" L ≤ {width:g} Hz |" for width in WIDEST_LORENTZIAN_HZ)
    text = "\n".join(
        [
            "Fitting challenge: water over that of the formula, tCr over nominal. `python benchmarks/water_scaling.py`",
            "",
            "| dataset | water | ours, time zero | ours, LCModel's areas | LCModel | truth in the table |",
            "|---|---|---|---|---|---|",
            *(f"| {name} | " + " | ".join(f"{row[key]:.3f}" for key in row) + " |" for name, row in challenge.items()),
            "",
            "Measured: tCr / tNAA in mM with LCModel's areas and constants, Lorentzian width beyond the basis limited",
            "",
            f"| spectrum | LCModel |{widths}",
            "|---|---|" + "---|" * len(WIDEST_LORENTZIAN_HZ),
            *(
                f"| {name} | " + " | ".join(f"{row[key][0]:.2f} / {row[key][1]:.2f}" for key in row) + " |"
                for name, row in measured.items()
            ),
            "",
        ]
    )
    (options.out / "water_scaling.md").write_text(text)
    print(text)


def challenge_rows(data: Path) -> dict[str, dict[str, float]]:
    folder = data / "15_fitting_challenge_2016"
    basis = remove_reference_singlet(read_basis(data / "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz"))
    truth = {line.split(",")[0]: line.split(",")[1:] for line in (folder / "ground_truth_1-14.csv").open()}
    rows = {}
    for number in range(1, 15):
        spectra = read_data(folder / f"dataset{number:02d}_act.nii.gz")
        water = read_data(folder / f"dataset{number:02d}_ref.nii.gz")
        nominal = 8.0 if number < 12 else 9.0
        amplitude = sums(fit(spectra, basis))["tCr"]
        lcmodel = printed(folder / f"reference_results/lcmodel_dataset{number:02d}.table")["Cr+PCr"]
        signal = AtTimeZero().water(np.asarray(water.spectra)[0], water.acquisition)
        rows[f"{number:02d}"] = {
            "water": signal / (2 * CHALLENGE.water_concentration_mm),
            "time_zero": amplitude * factor(spectra, basis, water, CHALLENGE, AtTimeZero()) / nominal,
            "areas": amplitude * factor(spectra, basis, water, CHALLENGE, LCModelAreas()) / nominal,
            "lcmodel": lcmodel / nominal,
            "truth": float(truth["Cr+PCr"][number - 1]) / nominal,
        }
    return rows


def measured_rows(data: Path) -> dict[str, dict[str, tuple[float, float]]]:
    rows = {}
    for name, (stem, basis_name, ppm_reference, ppm_range, table) in MEASURED.items():
        spectra, water = read_data(data / f"{stem}_act.nii.gz"), read_data(data / f"{stem}_ref.nii.gz")
        path = data / "12_basis_sets" / basis_name
        basis = read_basis(path, ppm_reference=ppm_reference)
        basis = remove_reference_singlet(basis) if has_reference_singlet(basis) else basis
        signals = LCModelAreas(singlet_width_ppm(path) or 0.013)
        scale = factor(spectra, basis, water, WaterReference(), signals)
        clean = without_water(without_eddy_currents(spectra, water))
        full, _ = with_macromolecules(basis, clean, "auto")
        values = printed((data / stem).parent / f"reference_results/{table}.table")
        row = {"lcmodel": (values["Cr+PCr"], values["NAA+NAAG"])}
        for width in WIDEST_LORENTZIAN_HZ:
            found = sums(fit(clean, full, ppm_range=ppm_range, bounds=Bounds(max_lorentzian_fwhm_hz=width)))
            row[f"{width:g}"] = (scale * found["tCr"], scale * found["tNAA"])
        rows[name] = row
    return rows


def factor(
    spectra: MRSData, basis: Basis, water: MRSData, reference: WaterReference, signals: AtTimeZero | LCModelAreas
) -> float:
    return float(reference.factors(metabolites_per_water(spectra, basis, water, signals), ("Cr",)).mm[0, 0])


def sums(result) -> dict[str, float]:
    names, weights = combinations_of(result.names)
    return dict(zip(names, map(float, weights @ result.flat().parameters.amplitude[0]), strict=True))


def printed(table: Path) -> dict[str, float]:
    """Concentrations that LCModel prints."""
    rows = re.findall(r"^\s*([\d.Ee+-]+)\s+\d+%\s+[\d.Ee+-]+\s+(\S+)", table.read_text(errors="replace"), re.M)
    return {name: float(value) for value, name in rows}


if __name__ == "__main__":
    main()
