import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmrs.errors import InputError
from diffmrs.quantify import MetaboliteRelaxation, Relaxation, TissueReference, WaterRelaxation, tissue_fractions
from diffmrs.quantify.concentrations import WATER_MOLALITY_MMOL_PER_KG

NEVER = Relaxation(1e-6, np.inf)
POOLS = WaterRelaxation(Relaxation(1.331, 0.110), Relaxation(0.832, 0.0792), Relaxation(3.817, 0.503))
CREATINE = MetaboliteRelaxation(Relaxation(1.46, 0.146), Relaxation(1.24, 0.166))
fraction = st.floats(0.0, 1.0)


def reference(gm=0.5, wm=0.3, csf=0.2, te=0.03, tr=2.0, water=POOLS, metabolite=CREATINE, water_te=None, water_tr=None):
    fractions, _ = tissue_fractions(gm, wm, csf)
    return TissueReference(
        fractions, water, {"Cr": metabolite}, te, tr, te if water_te is None else water_te,
        tr if water_tr is None else water_tr,
    )  # fmt: skip


def factors_of(per_water, **changes):
    return reference(**changes).factors(np.array([per_water]), ("Cr",))


def test_molal_concentration_worked_out_by_hand():
    """Every number below was worked out with a pocket calculator from the formula of Gasparovic et al. 2006."""
    # Shares in the water: 0.39, 0.195 and 0.194 of 0.779.
    # Water left: GM exp(-30/110)(1-exp(-2000/1331)), WM exp(-30/79.2)(1-exp(-2000/832)),
    #             CSF exp(-30/503)(1-exp(-2000/3817)).
    gm, wm, csf = 0.761300 * 0.777456, 0.684691 * 0.909630, 0.942102 * 0.407836
    water = (0.39 * gm + 0.195 * wm + 0.194 * csf) / 0.779
    # Creatine left: GM exp(-30/146)(1-exp(-2000/1460)), WM exp(-30/166)(1-exp(-2000/1240)); mean over 5:3.
    creatine = (5 * 0.814257 * 0.745858 + 3 * 0.834667 * 0.800692) / 8
    factors = factors_of(2e-4)
    assert factors.mmol_per_kg_voxel[0, 0] == pytest.approx(2e-4 * water / creatine * 55508.4, rel=5e-6)
    assert factors.mmol_per_kg[0, 0] == pytest.approx(2e-4 * water / creatine * 55508.4 / (1 - 0.194 / 0.779), rel=5e-6)
    assert factors.mm[0, 0] == pytest.approx(factors.mmol_per_kg[0, 0] * 0.585, rel=1e-9)
    assert factors.mm_tissue[0, 0] == pytest.approx(factors.mmol_per_kg[0, 0] * 0.585 / 0.8, rel=1e-9)


@given(gm=fraction, wm=fraction, csf=fraction, te=st.floats(0.0, 0.1), tr=st.floats(0.5, 10.0))
def test_molar_and_molal_differ_by_the_water_of_the_tissue(gm, wm, csf, te, tr):
    total = gm + wm + csf
    if total < 0.1 or (gm + wm) / total < 0.05:
        return
    gm, wm, csf = gm / total, wm / total, csf / total
    factors = factors_of(1e-4, gm=gm, wm=wm, csf=csf, te=te, tr=tr)
    tissue_water = 0.78 * gm + 0.65 * wm
    assert factors.mm == pytest.approx(factors.mmol_per_kg * tissue_water)
    assert factors.mm == pytest.approx(factors.mm_tissue * (gm + wm))
    assert factors.mm == pytest.approx(factors.mmol_per_kg_voxel * (tissue_water + 0.97 * csf))
    assert factors.mm_tissue[0, 0] >= factors.mm[0, 0] * (1 - 1e-9)


@given(gm=fraction)
def test_without_fluid_taking_it_out_changes_nothing(gm):
    factors = factors_of(1e-4, gm=gm, wm=1 - gm, csf=0.0)
    assert factors.mm_tissue == pytest.approx(factors.mm)
    assert factors.mmol_per_kg == pytest.approx(factors.mmol_per_kg_voxel)


@given(gm=st.floats(0.05, 0.9), csf=st.floats(0.0, 0.05))
def test_without_relaxation_molality_counts_molecules(gm, csf):
    factors = factors_of(1e-4, gm=gm, wm=1 - gm - csf, csf=csf, te=0.0, tr=np.inf)
    assert factors.mmol_per_kg_voxel == pytest.approx(1e-4 * WATER_MOLALITY_MMOL_PER_KG)
    slow = WaterRelaxation(NEVER, NEVER, NEVER)
    same = factors_of(1e-4, gm=gm, wm=1 - gm - csf, csf=csf, water=slow, metabolite=MetaboliteRelaxation(NEVER, NEVER))
    assert same.mmol_per_kg == pytest.approx(factors.mmol_per_kg)


def test_a_simulated_voxel_comes_back():
    """Forward: 8 mM in the tissue of a voxel of 50 % GM, 30 % WM, 20 % CSF; signals; and back."""
    molecules = {"gm": (0.5, 0.78), "wm": (0.3, 0.65), "csf": (0.2, 0.97)}  # volume, water content
    water = sum(
        f * content * WATER_MOLALITY_MMOL_PER_KG * 2 * getattr(POOLS, name).attenuation(0.03, 3.0)
        for name, (f, content) in molecules.items()
    )
    metabolite = 8.0 * (0.5 * CREATINE.gm.attenuation(0.04, 2.0) + 0.3 * CREATINE.wm.attenuation(0.04, 2.0))
    factors = factors_of(2 / water, te=0.04, tr=2.0, water_te=0.03, water_tr=3.0)
    assert metabolite * factors.mm_tissue[0, 0] == pytest.approx(8.0)
    assert metabolite * factors.mm[0, 0] == pytest.approx(8.0 * 0.8)
    assert metabolite * factors.mmol_per_kg[0, 0] == pytest.approx(8.0 * 0.8 / (0.5 * 0.78 + 0.3 * 0.65))


def test_macromolecules_get_no_relaxation_correction_and_strangers_are_refused():
    with_mm = reference().factors(np.array([1e-4]), ("MM09", "Cr"))
    free = factors_of(1e-4, metabolite=MetaboliteRelaxation(NEVER, NEVER))
    assert with_mm.mm[0, 0] == pytest.approx(free.mm[0, 0])
    with pytest.raises(InputError, match="NAA"):
        reference().factors(np.array([1e-4]), ("NAA",))


def test_one_tissue_serves_several_spectra_each_with_its_own_water():
    factors = reference().factors(np.array([1e-4, 2e-4, np.nan]), ("Cr", "MM09"))
    for name in ("mm", "mm_tissue", "mmol_per_kg", "mmol_per_kg_voxel"):
        values = getattr(factors, name)
        assert values.shape == (3, 2)
        np.testing.assert_allclose(values[1], 2 * values[0])
        assert np.isnan(values[2]).all()
