"""What is known of macromolecule and lipid lines relative to each other: amplitudes, positions and widths."""

from collections.abc import Sequence

from diffmrs.data import is_macromolecule
from diffmrs.priors.constraints import RatioPrior, Weights

_SHIFT_SD_PPM, _WIDTH_SD_PPM = 0.02, 0.024  # of lines that LCModel does not know; 3 Hz at 3 T
_LCMODEL = "LCModel 6.3: CHRATO of its simulated macromolecules and lipids"
_LCMODEL_SPREAD = "LCModel 6.3: SDSHIM and SDFWHM of its simulated macromolecules and lipids"
_OTHER_SPREAD = "as LCModel 6.3: SDSHIM and SDFWHM of its simulated macromolecules, the widest of them, rounded"
_SPREADS = {  # start of the name: SD of position and of full width, ppm
    "Lip13": (0.01, 0.035),
    "Lip09": (0.02, 0.035),
    "Lip20": (0.005, 0.025),
    "MM09": (0.02, 0.015),
    "MM12": (0.01, 0.02),
    "MM14": (0.02, 0.02),
    "MM17": (0.03, 0.02),
    "MM20": (0.005, 0.01),
    "MM21": (0.005, 0.01),
}

# One unit of a member stands for one mole: its lines carry their numbers of protons, so that LCModel's ratios of
# concentrations are ratios of amplitudes.
_TO_MM09 = {"MM20": (1.5, 0.375), "MM12": (0.3, 0.1), "MM14": (0.75, 0.45), "MM17": (0.375, 0.3)}
_TO_LIP13 = {"Lip09": (0.267, 0.1), "Lip20": (0.15, 0.07)}
_LIP13 = ("Lip13a", "Lip13b", "Lip13c", "Lip13d")
_CREATINE_CH2 = (0.1, 0.25)
_ALIASES = {"MM21": "MM20", "MM23": "MM20", "MM30": "MM20"}  # FSL-MRS's name of it; lines of it that Osprey sets free

_BIRCH = "Birch 2017, MRM 77:34, areas over that at 0.90 ppm and numbers of protons; their spread taken as half"
_EXPANDED = {  # members of Osprey's list of 15: ratio of their sum to MM09
    ("MM26", "MM27"): 0.04 / 0.72 * 3 / 0.33,
    ("MM32",): 0.11 / 0.72 * 3 / 2,
    ("MM37", "MM38"): (0.64 + 0.07) / 0.72 * 3 / 2,
    ("MM39", "MM40"): 1.00 / 0.72 * 3 / 2,
}
_MEASURED = {  # source: strong members, which together say how much there is
    "Birch 2017, MRM 77:34, amplitudes; their spread taken as half": ("MM090", "MM138", "MM201", "MM209", "MM225"),
    "Bell 2024 after Považan 2015, amplitudes; their spread taken as half": ("MM095", "MM143", "MM207", "MM230"),
}


def heavy_spread(name: str, spectrometer_frequency_mhz: float) -> tuple[float, float, str]:
    """How far position and width of a macromolecule or lipid may be from those of its published lines.

    Args:
        name: of the basis member.
        spectrometer_frequency_mhz: turns ppm into Hz.

    Returns:
        Standard deviation of the shift, Hz; of the width, Hz; and where they come from.
    """
    known = next((spread for start, spread in _SPREADS.items() if _is_a(name, start)), None)
    shift, width = known or (_SHIFT_SD_PPM, _WIDTH_SD_PPM)
    f0 = spectrometer_frequency_mhz
    return f0 * shift, f0 * width, _OTHER_SPREAD if known is None else _LCMODEL_SPREAD


def heavy_ratios(names: Sequence[str]) -> tuple[RatioPrior, ...]:
    """Ratios of macromolecules and lipids to the strong ones of their set; those that a basis allows.

    Sets measured in vivo (Birch 2017, Bell 2024) keep their proportions within half of them. Those of LCModel, Osprey
    and FSL-MRS get LCModel's ratios; the lines that Osprey adds, the proportions of Birch 2017 within half of them.

    Args:
        names: of the basis members.
    """
    for source, strong in _MEASURED.items():
        if set(strong) <= set(names):
            below: Weights = tuple((name, 1 / len(strong)) for name in strong)
            heavy = [name for name in names if is_macromolecule(name) and name.startswith("MM") and name[2:].isdigit()]
            measured = tuple(RatioPrior(((name, 1.0),), below, 1.0, 0.5, source) for name in heavy)
            return (*measured, *_lipids(names), *_creatine(names))
    return (*_simulated(names), *_lipids(names), *_creatine(names))


def _simulated(names: Sequence[str]) -> list[RatioPrior]:
    if "MM09" not in names:
        return []
    found = []
    for name in names:
        known = _TO_MM09.get(_ALIASES.get(name, name))
        if known:
            found.append(RatioPrior(((name, 1.0),), (("MM09", 1.0),), *known, source=_LCMODEL))
    for parts, mean in _EXPANDED.items():
        if set(parts) <= set(names):
            weights = tuple((part, 1.0) for part in parts)
            found.append(RatioPrior(weights, (("MM09", 1.0),), mean, mean / 2, _BIRCH))
    return found


def _lipids(names: Sequence[str]) -> list[RatioPrior]:
    below: Weights = tuple((name, 1.0) for name in _LIP13 if name in names)
    if not below:
        return []
    return [
        RatioPrior(((name, 1.0),), below, *known, source=_LCMODEL) for name, known in _TO_LIP13.items() if name in names
    ]


def _creatine(names: Sequence[str]) -> list[RatioPrior]:
    below: Weights = tuple((name, 1.0) for name in ("Cr", "PCr") if name in names)
    if "-CrCH2" not in names or not below:
        return []
    return [RatioPrior((("-CrCH2", 1.0),), below, *_CREATINE_CH2, source=_LCMODEL)]


def _is_a(name: str, start: str) -> bool:
    """Lip13a is a Lip13; MM090 of another set is no MM09."""
    rest = name[len(start) :]
    return name.startswith(start) and not rest[:1].isdigit()
