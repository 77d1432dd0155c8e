"""What tumour and oedema are made of, relative to healthy brain: ratios of concentrations from the literature.

A row says how many times its healthy concentration a metabolite has, and how far that differs between patients. Most
papers give directions and ranges, not ratios to white matter under our conditions: numbers marked "ours" are round ones
of our own inside what the source says. Lipids have no healthy concentration to speak of: they are told as the first
sample of all lipids over that of all metabolites of healthy brain.
"""

from dataclasses import dataclass

import numpy as np

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.simulate.brain import brain_population
from diffmrs.simulate.distributions import LogNormal
from diffmrs.spins.library import canonical_name
from diffmrs.spins.macromolecules import macromolecule_basis

LIPID_MEMBERS = ("Lip13a", "Lip13b", "Lip09", "Lip20")  # those that LCModel uses unless told otherwise
_LIPID_SPLIT = {"Lip13a": 0.45, "Lip13b": 0.2, "Lip09": 0.25, "Lip20": 0.1}  # ours: 1.3 ppm is the tallest


@dataclass(frozen=True)
class Change:
    """How a tissue differs from healthy brain.

    Attributes:
        members: metabolites that change together.
        ratio: median concentration over that of healthy brain.
        log_sd: standard deviation of its logarithm between patients.
        source: where it comes from.
    """

    members: tuple[str, ...]
    ratio: float
    log_sd: float
    source: str


@dataclass(frozen=True)
class Composition:
    """A tissue: what changes, and its lipids.

    Attributes:
        changes: of metabolites; those that are not named stay as in healthy brain.
        lipids: first sample of the lipids over that of the metabolites of healthy brain, median.
        lipid_log_sd: standard deviation of its logarithm between patients.
        lipid_source: where the lipids come from.
    """

    changes: tuple[Change, ...]
    lipids: float
    lipid_log_sd: float
    lipid_source: str


HEALTHY = Composition((), 0.004, 0.7, "ours: hardly any")
TUMOUR = Composition(
    (
        Change(
            ("NAA", "NAAG"), 0.30, 0.45,
            "Kinoshita & Yokota 1997 (NMR Biomed 10:2): none where no neurons are; with tCho as below tCho/tNAA is "
            "1.0, near the 0.8 that parted grades II and III in Stadlbauer et al. 2006 (Radiology 238:958)",
        ),
        Change(
            ("GPC", "PCho"), 1.7, 0.40,
            "Howe et al. 2003 (MRM 49:223): above normal white matter, rising with grade, most variable in "
            "glioblastoma; size ours",
        ),
        Change(
            ("Cr", "PCr"), 0.65, 0.35,
            "Kinoshita & Yokota 1997: falls with malignancy; Stadlbauer et al. 2006: around 7 mM in grade III; size "
            "ours",
        ),
        Change(
            ("Lac",), 5.7, 0.8,
            "Madan et al. 2015 (MRM 73:2094): 4.1 ± 3.4 mM in low, 7.0 ± 4.7 mM in high grade",
        ),
        Change(
            ("Gly",), 4.0, 0.7,
            "Ganji et al. 2016 (MRM 75:52): about tenfold in glioblastoma, less in lower grades",
        ),
        Change(
            ("Ins",), 1.1, 0.5,
            "Howe et al. 2003: high in grade II; Righi et al. 2010 (Int J Oncol 36:301): low in glioblastoma; size "
            "ours",
        ),
        Change(("Ala", "PE"), 1.5, 0.5, "Kinoshita & Yokota 1997: rise with malignancy; size ours"),
        Change(("Glu", "GABA", "Asp"), 0.6, 0.35, "ours: transmitters of neurons, which are fewer"),
        Change(("Gln",), 1.3, 0.35, "ours"),
    ),
    0.15, 1.0, "Howe et al. 2003: lipids and macromolecules rise with grade; size ours",
)  # fmt: skip
OEDEMA = Composition(
    (
        Change(("NAA", "NAAG"), 0.8, 0.25, "Ricci et al. 2007 (AJNR 28:1287): NAA/Cr fell in 4 of 13; size ours"),
        Change(("GPC", "PCho", "Ins"), 1.0, 0.2, "Ricci et al. 2007: Cho/Cr and Ins/Cr as usual"),
        Change(("Cr", "PCr"), 0.9, 0.2, "ours: diluted by water"),
        Change(("Glu", "Gln"), 1.25, 0.25, "Ricci et al. 2007: Glx/Cr higher in 10 of 13; size ours"),
        Change(("Glc",), 2.0, 0.4, "Ricci et al. 2007: a line at 3.44 ppm in 12 of 13; size ours"),
        Change(("Lac",), 2.5, 0.6, "Ricci et al. 2007: seen in 12 of 13; size ours"),
    ),
    0.02, 1.0, "Ricci et al. 2007: seen in 5 of 13; size ours",
)  # fmt: skip


def with_lipids(basis: Basis) -> Basis:
    """A basis with the lipids of LCModel, where it has none."""
    if any(name.lower().startswith("lip") for name in basis.names):
        return basis
    lipids = macromolecule_basis(None, basis.acquisition, basis.n_points, LIPID_MEMBERS)
    fid = np.asarray(lipids.fid).astype(np.asarray(basis.fid).dtype)
    return basis.joined(Basis(fid, basis.acquisition, lipids.names, lipids.source))


def tissue_amplitudes(basis: Basis) -> tuple[np.ndarray, np.ndarray]:
    """Median amplitude of each member in healthy brain, oedema and tumour, and how far patients differ.

    Args:
        basis: members at 1 mM, lipids with any scale.

    Returns:
        Medians and standard deviations of their logarithms, [3, members] each; the spread of healthy brain is 0, for
        it is told by the cohort.

    Raises:
        InputError: no member of the basis has a usual concentration in brain, or there is no NAA, Cr or choline.
    """
    population, _ = brain_population(basis)
    amplitude = population.amplitude
    assert isinstance(amplitude, LogNormal)
    healthy = np.asarray(amplitude.median, float)
    named = {canonical_name(name) for name, value in zip(basis.names, healthy, strict=True) if value > 0}
    for wanted in (("NAA",), ("Cr", "PCr"), ("GPC", "PCho")):
        if not named & set(wanted):
            raise InputError(f"the basis has no {' or '.join(wanted)}; a tumour is not told from brain without it")
    first = np.abs(np.asarray(basis.fid)[:, 0])
    whole = healthy @ first
    rows = [_amplitudes(basis, healthy, first, whole, tissue) for tissue in (HEALTHY, OEDEMA, TUMOUR)]
    return np.stack([median for median, _ in rows]), np.stack([spread for _, spread in rows])


def _amplitudes(
    basis: Basis, healthy: np.ndarray, first: np.ndarray, whole: float, tissue: Composition
) -> tuple[np.ndarray, np.ndarray]:
    by_name = {member: change for change in tissue.changes for member in change.members}
    fats = {name: _LIPID_SPLIT.get(name, 1.0) for name in basis.names if name.lower().startswith("lip")}
    median, spread = np.zeros(len(basis.names)), np.zeros(len(basis.names))
    for row, name in enumerate(basis.names):
        change = by_name.get(canonical_name(name)) if healthy[row] else None
        if name in fats:
            median[row] = tissue.lipids * whole * fats[name] / sum(fats.values()) / max(first[row], 1e-12)
            spread[row] = tissue.lipid_log_sd
        else:
            median[row] = healthy[row] * (change.ratio if change else 1.0)
            spread[row] = change.log_sd if change else 0.0
    return median, spread
