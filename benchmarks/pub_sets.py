"""The bases of `published.py`, and sets like those that wavelet scattering was shown on."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from diffmrs.data import Basis
from diffmrs.io import read_basis
from diffmrs.simulate import RECIPES, Recipe
from diffmrs.simulate.recipe import Ingredient

FIFTEEN = (
    "Ala", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "GSH", "Ins", "Lac", "NAA", "NAAG", "PCr", "Tau",
)  # fmt: skip


def challenge_basis(data: Path) -> Basis:
    """PRESS, 30 ms, 3 T, of the ISMRM fitting challenge of 2016: 20 metabolites and macromolecules."""
    return read_basis(data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz")


def scattering_sets(folder: Path) -> Iterator[tuple[str, Basis, Recipe]]:
    """Sets like DSS2 to DSS7: PRESS with 10 + 10 ms at 9.4 T, 15 metabolites that we chose.

    In DSS4 each metabolite has a phase of its own, in the range of the common one of DSS3. Macromolecules are ours.
    """
    basis = with_macromolecules(high_field_basis(folder))
    metabolites = tuple(Ingredient(name, (0.5, 1.0)) for name in FIFTEEN)
    still = replace(RECIPES["shamaei2021"], ingredients=metabolites, phase_rad=(0.0, 0.0), snr=None)
    phased = replace(still, phase_rad=RECIPES["shamaei2021"].phase_rad)
    noisy = replace(phased, snr=RECIPES["shamaei2021"].snr)
    yield "DSS2", basis, still
    yield "DSS3", basis, phased
    yield "DSS4", basis, replace(phased, own_phase=True)
    yield "DSS5", basis, noisy
    for name, limits in (("DSS6", (1.0, 1.0)), ("DSS7", (0.9, 1.1))):
        yield name, basis, replace(noisy, ingredients=(*metabolites, Ingredient("MM", limits)))


def high_field_basis(folder: Path) -> Basis:
    """Simulated once, by `diffmrs basis`."""
    place = folder / "press20_9p4t"
    if not place.exists():
        # Not in this process, as the command keeps compiled functions on disk.
        subprocess.run(
            [sys.executable, "-m", "diffmrs", "basis", "--sequence", "press", "--te1", "10", "--te2", "10",
             "--frequency", "400.2", "--points", "2048", "--bandwidth", "4401.4", "--metabolites", *FIFTEEN,
             "--mm", "auto", "--linewidth", "4", "--out", str(place)],
            check=True,
        )  # fmt: skip
    return read_basis(place)


def with_macromolecules(basis: Basis) -> Basis:
    """All macromolecules as one signal, as strong at first as twice creatine."""
    heavy = [k for k, name in enumerate(basis.names) if name not in FIFTEEN]
    fid = np.asarray(basis.fid)
    whole = fid[heavy].sum(axis=0)
    whole = whole / abs(whole[0]) * 2 * abs(fid[basis.index("Cr"), 0])
    kept = [basis.index(name) for name in FIFTEEN]
    return Basis(np.concatenate([fid[kept], whole[None]]).astype(np.complex64), basis.acquisition, (*FIFTEEN, "MM"))
