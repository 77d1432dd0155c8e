r"""From amplitudes to concentrations, with the water of the voxel as the reference.

A metabolite of amplitude $a$ whose basis shows $\beta$ per proton, beside water of signal $S_w$, counts

$$q = \frac{2\,a\,\beta}{S_w}$$

metabolite molecules for each water molecule, as far as signals can tell (2 protons in a molecule of water). What
relaxation took from both, and how much water there is, turns that into a concentration. Two conventions are offered:

- `WaterReference`: one water concentration, one attenuation of water and one of metabolites, as in LCModel;
- `TissueReference`: water content and relaxation of grey matter, white matter and CSF, relaxation of each metabolite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffmrs.data import Basis, MRSData, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.quantify.lcmodel_areas import LCModelAreas
from diffmrs.quantify.relaxation import MetaboliteRelaxation, WaterRelaxation
from diffmrs.quantify.signals import AtTimeZero
from diffmrs.quantify.tissue import WATER_CONTENT, TissueFractions

WATER_MOLALITY_MMOL_PER_KG = 1e6 / 18.01528  # of pure water (CIAAW molar mass); per litre too, within 1 %
_WATER_PROTONS = 2


@dataclass(frozen=True)
class ConcentrationFactors:
    """Concentration per unit of amplitude. All [spectra, members]; NaN where a convention does not define it.

    Attributes:
        mm: mmol per litre of voxel.
        mm_tissue: mmol per litre of tissue: the volume of the CSF, which holds no metabolites, taken out.
        mmol_per_kg: mmol per kg of tissue water, CSF taken out: the molal concentration of Gasparovic et al. 2006.
        mmol_per_kg_voxel: mmol per kg of all the water in the voxel, CSF left in.
        reference: which convention it was: `"lcmodel"` or `"tissue"`.
        words: what it rests on.
        notes: what the user should know.
    """

    mm: np.ndarray
    mm_tissue: np.ndarray
    mmol_per_kg: np.ndarray
    mmol_per_kg_voxel: np.ndarray
    reference: str
    words: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WaterReference:
    r"""One number each for water and relaxation.

    $$c = \frac{2\,a\,\beta}{S_w}\,\frac{c_w A_w}{A_m}$$

    The defaults are those of LCModel (its control parameters WCONC, ATTH2O and ATTMET): white matter at an echo time
    of 30 ms. They make results comparable, not right for every voxel.

    Attributes:
        water_concentration_mm: NMR-visible water in the voxel $c_w$, mM.
        water_attenuation: part of the water signal left after relaxation $A_w$.
        metabolite_attenuation: part of the metabolite signal left after relaxation $A_m$.
    """

    water_concentration_mm: float = 35880.0
    water_attenuation: float = 0.7
    metabolite_attenuation: float = 1.0

    def __post_init__(self) -> None:
        for name, high in (
            ("water_concentration_mm", 1e5),
            ("water_attenuation", 1.0),
            ("metabolite_attenuation", 1.0),
        ):
            value = getattr(self, name)
            if not 0 < value <= high:
                raise InputError(f"{name} is {value}; it must lie above 0 and be at most {high:g}")

    def factors(self, metabolites_per_water: np.ndarray, names: Sequence[str]) -> ConcentrationFactors:
        """Concentrations per unit of amplitude.

        Args:
            metabolites_per_water: $q/a$, from `metabolites_per_water`. [spectra]
            names: of the basis members.
        """
        scale = self.water_concentration_mm * self.water_attenuation / self.metabolite_attenuation
        mm = np.repeat(scale * metabolites_per_water[:, None], len(names), axis=1)
        none = np.full_like(mm, np.nan)
        words = (
            f"LCModel's convention: water {self.water_concentration_mm:g} mM, attenuation of water "
            f"{self.water_attenuation:g} and of metabolites {self.metabolite_attenuation:g}; CSF not taken out"
        )
        return ConcentrationFactors(mm, none, none, none, "lcmodel", words)


@dataclass(frozen=True)
class TissueReference:
    r"""Water and relaxation of each tissue (Gasparovic et al. 2006; Near et al. 2021).

    With volume fractions $f_i$, water contents $w_i$, attenuations $R_i$ of GM, WM and CSF and shares in the water
    molecules $x_i = f_i w_i / \sum_j f_j w_j$, a metabolite attenuated by $R_m$ has

    $$c_\text{molal} = \frac{2\,a\,\beta}{S_w}\,\frac{\sum_i x_i R_i}{(1 - x_\text{CSF})\,R_m}\; 55\,508\ \text{mmol/kg}
    \qquad c_\text{voxel} = c_\text{molal}\,(f_\text{GM} w_\text{GM} + f_\text{WM} w_\text{WM})\ \text{kg/l}$$

    $R_m$ is the mean over GM and WM by volume: the metabolite is taken to be equally concentrated in both.
    Macromolecules and lipids get no relaxation correction ($R_m = 1$).

    Attributes:
        fractions: of each spectrum, or one for all.
        water: relaxation of water.
        metabolites: relaxation of each member of the basis, by name.
        echo_time_s: of the metabolite scan, s.
        repetition_time_s: of the metabolite scan, s.
        water_echo_time_s: of the water scan, s.
        water_repetition_time_s: of the water scan, s.
        words: what it rests on.
        notes: what the user should know.
    """

    fractions: TissueFractions
    water: WaterRelaxation
    metabolites: dict[str, MetaboliteRelaxation]
    echo_time_s: float
    repetition_time_s: float
    water_echo_time_s: float
    water_repetition_time_s: float
    words: str = ""
    notes: tuple[str, ...] = ()

    def factors(self, metabolites_per_water: np.ndarray, names: Sequence[str]) -> ConcentrationFactors:
        """Concentrations per unit of amplitude.

        Args:
            metabolites_per_water: $q/a$, from `metabolites_per_water`. [spectra]
            names: of the basis members.

        Raises:
            InputError: a member has no relaxation times.
        """
        ratio = metabolites_per_water[:, None] / self.metabolite_attenuation(names)
        molecules = WATER_MOLALITY_MMOL_PER_KG * ratio
        shares = np.stack(self.fractions.water_share)  # [tissues, spectra]
        left = self.water_attenuation()
        per_kg_voxel = molecules * (left @ shares)[:, None]
        tissue_share = (1 - shares[2])[:, None]
        contents = (self.fractions.gm * WATER_CONTENT["gm"] + self.fractions.wm * WATER_CONTENT["wm"])[:, None]
        per_kg = per_kg_voxel / tissue_share
        mm = per_kg * contents
        return ConcentrationFactors(
            mm, mm / self.fractions.tissue[:, None], per_kg, per_kg_voxel, "tissue", self.words, self.notes
        )

    def water_attenuation(self) -> np.ndarray:
        """Part of the water signal left in GM, WM and CSF. [3]"""
        return np.array(
            [
                pool.attenuation(self.water_echo_time_s, self.water_repetition_time_s)
                for pool in (self.water.gm, self.water.wm, self.water.csf)
            ]
        )

    def metabolite_attenuation(self, names: Sequence[str]) -> np.ndarray:
        """Part of the signal of each basis member that is left. [spectra or 1, members]"""
        columns = []
        for name in names:
            if is_macromolecule(name):
                columns.append(np.ones_like(self.fractions.gm))
                continue
            if name not in self.metabolites:
                raise InputError(f"no relaxation times were given for {name}")
            pools = self.metabolites[name]
            gm, wm = (pool.attenuation(self.echo_time_s, self.repetition_time_s) for pool in (pools.gm, pools.wm))
            columns.append((self.fractions.gm * gm + self.fractions.wm * wm) / self.fractions.tissue)
        return np.stack(columns, axis=1)


def metabolites_per_water(
    data: MRSData, basis: Basis, water: MRSData, signals: AtTimeZero | LCModelAreas = AtTimeZero()
) -> np.ndarray:
    r"""How many metabolite molecules an amplitude of one means for each molecule of water, $2\beta/S_w$.

    Args:
        data: the fitted spectra.
        basis: the basis they were fitted with.
        water: the water scan: one FID for all spectra, or one for each.
        signals: how the signals are taken from the FIDs.

    Returns:
        [n_spectra].

    Raises:
        InputError: the water scan does not go with the data, holds no signal, or the basis has no known singlet.
    """
    if water.acquisition.nucleus != data.acquisition.nucleus:
        raise InputError(
            f"the water scan is of {water.acquisition.nucleus} but the data are of {data.acquisition.nucleus}"
        )
    rows = np.asarray(water.spectra)
    if rows.shape[0] not in (1, data.n_spectra):
        raise InputError(
            f"the water scan holds {rows.shape[0]} FIDs for {data.n_spectra} spectra; "
            "one, or one per spectrum, is needed"
        )
    signal = np.array([signals.water(fid, water.acquisition) for fid in rows])
    ratio = _WATER_PROTONS * signals.proton(basis) / signal
    return np.broadcast_to(ratio, (data.n_spectra,)).copy()
