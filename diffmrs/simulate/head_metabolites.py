"""What each part of a head holds: metabolites in mM, macromolecules and lipids in mM of protons.

Read in the sources named here (values or directions; the rest are round numbers between them):

- NAA is alike in grey and white matter, 8.0 to 8.9 mM but 10.1 in the visual cortex; NAAG is 0.6 to 1.5 mM in grey and
  1.5 to 2.7 mM in white matter (Pouwels & Frahm 1997, NMR Biomed 10:73).
- Creatine, Ins, Glu and Gln are lower in white matter than in cortex (Pouwels & Frahm 1998, Magn Reson Med 39:53);
  creatine 11 % higher, choline 28 % lower in cortex than in white matter (Schuff et al. 2001, Magn Reson Med 45:899).
- GABA 0.96 mM in grey, 0.44 mM in white matter (Jensen et al. 2005, NMR Biomed 18:570); Gly 1.1 and 0.1 mM (Banerjee et
  al. 2012, Magn Reson Med 68:325); Glu 5.8 to 11.2 mM over regions (PMC6092256).
- All others, and the level of these: the ratios to 8 mM of creatine of `brain_concentrations`.
- CSF: Glc 1.8 to 5.6 mM, Lac from 0.9 mM (lowest 5th to highest 95th percentile of an age group; Leen et al. 2012, PLoS
  One 7:e42745).
- Gliomas: Lac 4.1 ± 3.4 mM (low grade) and 7.0 ± 4.7 mM (high grade) (Madan et al. 2014, Magn Reson Med 73:2094); more
  choline, less NAA, Ins high in grade II, dilution by necrosis, more lactate, lipids and macromolecules with grade
  (Howe et al. 2003, Magn Reson Med 49:223); more Gly (Righi et al. 2010, Int J Oncol 36:301).

They are a plausible head, not a measured one: do not use them as reference values.
"""

from collections.abc import Callable, Sequence

import numpy as np

from diffmrs.data import Basis, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.simulate.head_tissue import FINER, Tissue, fat_slice, voxel_centres
from diffmrs.spins import macromolecule_basis
from diffmrs.spins.library import canonical_name

_PARTS = ("gm", "wm", "csf", "tumour", "necrosis", "oedema")
_MM = {  # grey matter, white matter, CSF, tumour, necrosis, oedema
    "Ala": (0.35, 0.30, 0.0, 1.0, 0.8, 0.3),
    "Asc": (1.2, 0.8, 0.1, 0.8, 0.2, 0.6),
    "Asp": (2.4, 1.6, 0.0, 0.9, 0.2, 1.1),
    "Cr": (4.45, 4.0, 0.0, 2.8, 0.5, 2.9),
    "PCr": (3.95, 3.5, 0.0, 1.8, 0.2, 2.5),
    "GABA": (1.3, 0.6, 0.0, 0.2, 0.0, 0.4),
    "Glc": (1.0, 0.8, 3.2, 0.5, 0.6, 0.9),
    "Gln": (3.0, 1.8, 0.5, 3.6, 0.8, 1.7),
    "Glu": (10.0, 6.5, 0.0, 3.2, 0.6, 4.4),
    "GPC": (1.0, 1.4, 0.0, 1.5, 0.3, 1.2),
    "GSH": (1.4, 1.1, 0.0, 1.7, 0.3, 0.9),
    "Gly": (1.1, 0.1, 0.0, 2.2, 0.8, 0.3),
    "Ins": (6.4, 4.9, 0.1, 7.6, 1.2, 5.4),
    "Lac": (0.9, 0.7, 1.5, 5.5, 8.5, 1.4),
    "NAA": (9.6, 8.9, 0.0, 1.4, 0.2, 5.4),
    "NAAG": (0.9, 2.0, 0.0, 0.2, 0.0, 1.1),
    "PCho": (0.55, 0.75, 0.0, 2.9, 0.4, 0.9),
    "PE": (1.2, 1.2, 0.0, 2.4, 0.4, 1.1),
    "sIns": (0.35, 0.25, 0.0, 0.3, 0.1, 0.2),
    "Tau": (1.5, 0.9, 0.0, 1.8, 0.4, 0.7),
    "Ser": (0.8, 0.4, 0.0, 0.8, 0.2, 0.4),
    "bHB": (0.05, 0.05, 0.05, 0.05, 0.05, 0.05),
}
# Protons of all macromolecules together, and of lipids, mM. The lines of Birch 2017, as published, have 4.3 at 1.
_MACROMOLECULES_MM = (70.0, 55.0, 2.0, 75.0, 30.0, 43.0)
_LIPIDS_MM = (0.0, 0.0, 0.0, 20.0, 130.0, 0.0)
FAT_MM = 1200.0  # of fat that is suppressed about a hundredfold
# Lines of LCModel and their shares in the protons, after those of fat: CH₂ 70 %, CH₃ 9 %, beside double bonds and
# carboxyl 13 % (Hamilton et al. 2011, NMR Biomed 24:784); what lies above 3 ppm is left out.
_LCMODEL_LIPIDS = {"Lip13a": 0.4, "Lip13b": 0.35, "Lip09": 0.1, "Lip20": 0.15}
LIPIDS = "Lip"


def with_lipids(basis: Basis) -> Basis:
    """The basis with lipids: as it is when it has members called Lip…, else with one member `Lip` more."""
    if any(is_lipid(name) for name in basis.names):
        return basis
    lines = macromolecule_basis(None, basis.acquisition, basis.n_points, _LCMODEL_LIPIDS)
    fid = np.asarray(lines.fid)
    shares = np.array(list(_LCMODEL_LIPIDS.values())) / np.abs(fid[:, 0])
    return basis.joined(Basis(_proton(basis) * (shares @ fid)[None], basis.acquisition, (LIPIDS,)))


def amplitude_of(basis: Basis, tissue: Tissue, fat: np.ndarray, tumour_lipids: float) -> np.ndarray:
    """Amplitude of each member in each voxel, from what its parts hold. [x, y, z, members], float32

    Macromolecules share one amplitude, as do lipids, so that their lines keep the proportions that the basis gives
    them. Their protons are counted against those of the CH₃ and CH₂ of creatine; a basis without creatine is taken to
    have a first sample of 1 per proton.

    Args:
        basis: with lipids (`with_lipids`).
        tissue: volume fractions.
        fat: share of each voxel that has the signal of fat, leakage included. [x, y, z]
        tumour_lipids: what tumours have of lipids, relative to the usual.

    Raises:
        InputError: a member is no macromolecule and its concentration is not known.
    """
    fractions = np.stack([getattr(tissue, part) for part in _PARTS], axis=-1)
    held = [_held(name, basis) for name in basis.names]
    amplitude = fractions @ np.array(held, np.float32).T
    for k, name in enumerate(basis.names):
        if is_lipid(name):
            amplitude[..., k] *= np.float32(tumour_lipids)
            amplitude[..., k] += fat * np.float32(FAT_MM / _protons(basis, is_lipid))
    return amplitude.astype(np.float32)


def encoded_fat(shape: tuple[int, int, int]) -> np.ndarray:
    """Fat as Fourier encoding with as many steps as voxels shows it in the plane, rings included. [x, y, z], float32

    The spatial frequencies that the steps do not reach are missing; what is left is looked up at the voxel centres.
    """
    nx, ny, nz = shape
    x, y, z = voxel_centres(shape, FINER)
    kept = [np.arange(-((n - 1) // 2), (n - 1) // 2 + 1) for n in (nx, ny)]
    # The first voxel centre lies between the second and third part of its voxel.
    centred = [np.exp(2j * np.pi * k * (FINER - 1) / 2 / (FINER * n)) for k, n in zip(kept, (nx, ny), strict=True)]
    encoded = np.zeros(shape, np.float32)
    for slab in range(nz):
        heights = z[FINER * slab : FINER * (slab + 1)]
        fat = np.mean([fat_slice(x, y, float(height)) for height in heights], axis=0)
        known = np.zeros((nx, ny), complex)
        known[np.ix_(*kept)] = np.fft.fft2(fat)[np.ix_(*kept)] * np.multiply.outer(*centred)
        encoded[:, :, slab] = np.fft.ifft2(known).real / FINER**2
    return encoded


def _held(name: str, basis: Basis) -> Sequence[float] | np.ndarray:
    if is_lipid(name):
        return np.array(_LIPIDS_MM) / _protons(basis, is_lipid)
    if is_macromolecule(name):
        return np.array(_MACROMOLECULES_MM) / _protons(basis, lambda n: is_macromolecule(n) and not is_lipid(n))
    known = canonical_name(name)
    if known not in _MM:
        raise InputError(
            f"no concentration of {name} in the head is known; leave it out of the basis (known: {', '.join(_MM)})"
        )
    return _MM[known]


def is_lipid(name: str) -> bool:
    """Whether a member is a lipid by its name, not another macromolecule."""
    return name.lower().startswith("lip")


def _protons(basis: Basis, wanted: Callable[[str], bool]) -> float:
    """Protons per unit of all members of a kind together."""
    rows = [k for k, name in enumerate(basis.names) if wanted(name)]
    return float(np.abs(np.asarray(basis.fid)[rows, 0]).sum()) / _proton(basis)


def _proton(basis: Basis) -> float:
    """First sample of one proton at unit concentration."""
    for name in ("Cr", "PCr"):
        if name in basis.names:
            return float(abs(np.asarray(basis.fid)[basis.index(name), 0])) / 5
    return 1.0
