"""The recipes of four publications; numbers from the papers and, where they differ, from the authors' code."""

import math

from diffmrs.simulate.recipe import Ingredient, Recipe

_HATAMI = (
    "Ala", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "GSH", "Ins", "Lac", "NAA", "NAAG", "PCho", "PCr", "PE",
    "sIns", "Tau", "Gly", "Asc", "MM",
)  # fmt: skip
# Lowest and highest concentration, mM; divided by 17 as in the authors' code.
_SHAMAEI_2023 = {
    "Ala": (0.1, 1.5), "Asp": (1, 2), "Cr": (4.5, 10.5), "GABA": (1, 2), "GPC": (0.5, 2), "GSH": (1.5, 3),
    "Glc": (1, 2), "Gln": (3, 6), "Glu": (6, 12.5), "Gly": (0.4, 1), "Ins": (3.8, 8.1), "Lac": (0.2, 1),
    "NAA": (7.5, 17), "NAAG": (0.5, 2.5), "PCho": (0.5, 2), "PCr": (3, 5.5), "PE": (1, 2), "Tau": (2, 6),
    "sIns": (0.3, 0.6), "MM": (14, 17),
}  # fmt: skip
_RIZZO_MM = {  # twice the normal concentration, mM
    "NAA": 25.8, "tCr": 18.5, "Ins": 14.7, "Glu": 20, "Glc": 2, "NAAG": 2.8, "Gln": 5.8, "GSH": 2, "sIns": 0.6,
    "Gly": 2, "Asp": 3.5, "PE": 3.3, "Tau": 2, "Lac": 1, "GABA": 1.8, "tCho": 5,
}  # fmt: skip
_RIZZO_T2_S = {"NAA": 0.289, "tCr": 0.169}
_OTHER_T2_S = 0.185

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="hatami2018",
            source="Hatami, Sdika, Ratiney 2018, MICCAI, MRS spectroscopy quantification using deep learning",
            note="Amplitudes of 20 metabolites and macromolecules alike, without regard to concentrations; each signal "
            "is shifted and damped by itself. Published: damping from -10 to 10 1/s, so that lines of the basis become "
            "narrower and may grow. Physical: 0 to 10 1/s. Noise is last in both.",
            ingredients=tuple(Ingredient(name, (0.0, 1.0)) for name in _HATAMI),
            shift_hz=(-10.0, 10.0),
            damping_per_s=(-10.0, 10.0),
            own=True,
            snr=(10.0, 10.0),
        ),
        Recipe(
            name="shamaei2021",
            source="Shamaei, Starcukova, Starcuk 2021, BIOSIGNALS, wavelet scattering (set DSS5)",
            note="Every member of the basis alike (the paper: 15 metabolites at 9.4 T, not named here), each shifted "
            "and damped by itself, one phase. The paper does not say whether its SNR is in dB, as here, nor whether "
            "the set with noise has a phase each. Published: damping from -2.5 to 5 1/s. Physical: 0 to 5 1/s.",
            amplitude=(0.5, 1.0),
            shift_hz=(-10.0, 10.0),
            damping_per_s=(-2.5, 5.0),
            own=True,
            phase_rad=(-math.pi / 8, math.pi / 8),
            snr=(5.0, 15.0),
            snr_definition="power-db",
        ),
        Recipe(
            name="rizzo2022",
            source="Rizzo, Dziadosz, Kyathanahally, Shamaei, Kreis 2023, Magn Reson Med 89:1707 (online 2022)",
            note="Concentrations from 0 to twice normal, in mM; water of 64.5 mM (two protons) as a line at 0.5 ppm, "
            "to which the SNR refers; no shift, no phase. One T2 per metabolite: creatine has that of its CH3. The "
            "amplitude of macromolecules is 1 +- 33 %, so scale that member. Both forms are the same.",
            ingredients=(
                *(
                    Ingredient(name, (0.0, float(most)), 1 / _RIZZO_T2_S.get(name, _OTHER_T2_S))
                    for name, most in _RIZZO_MM.items()
                ),
                Ingredient("MM", (0.67, 1.33)),
            ),
            gaussian_fwhm_hz=(2.0, 5.0),
            snr=(5.0, 40.0),
            water_protons=129.0,
        ),
        Recipe(
            name="shamaei2023",
            source="Shamaei, Starcukova, Starcuk 2023, Comput Biol Med 158:106837 (ranges of the authors' code)",
            note="Concentrations over 17, and macromolecules as in the authors' file, where MM begins at 10.5 and "
            "creatine at 5. One shift, damping and phase. Published: noise is inserted first, so that it is shifted, "
            "damped and phased with the signal, which flatters every estimator. Physical: noise is last.",
            ingredients=tuple(Ingredient(name, (low / 17, high / 17)) for name, (low, high) in _SHAMAEI_2023.items()),
            shift_hz=(-3.0, 3.0),
            damping_per_s=(0.0, 15.0),
            phase_rad=(-math.pi / 20, math.pi / 20),
            noise_sd=1.0,
            noise_first=True,
        ),
    )
}
