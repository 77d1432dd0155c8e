"""The basis of the 2016 fitting challenge, which another simulator made: PRESS 11 + 19 ms, ideal pulses, 2 Hz lines."""

import numpy as np
import pytest

from diffmrs.io import read_basis
from diffmrs.spins import metabolite, press, simulate_basis, variants

EXACT = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "Gly", "Ins", "Lac", "NAA", "NAAG", "PCr", "PE",
    "sIns", "Tau",
)  # fmt: skip
# What is not resolved there: 14N and 31P in the choline compounds, the splittings of glycine in GSH.
NEARLY = {"GPC": 3e-2, "PCho": 1e-2, "GSH": 5e-3}


@pytest.mark.slow
@pytest.mark.data
def test_every_sample_of_the_challenge_basis_is_reproduced(data_dir, x64):
    given = read_basis(data_dir / "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz", remove_reference=True)
    recovered = [metabolite(name, "fc2016" if "fc2016" in variants(name) else None) for name in (*EXACT, *NEARLY)]
    ours = simulate_basis(recovered, press(0.011, 0.019), given.acquisition, given.n_points, lorentzian_fwhm_hz=2.0)
    theirs = np.asarray(given.select(ours.names).fid)
    residual = np.linalg.norm(theirs - ours.fid, axis=1) / np.linalg.norm(theirs, axis=1)
    for name, value in zip(ours.names, residual, strict=True):
        assert value < NEARLY.get(name, 1e-4), name
