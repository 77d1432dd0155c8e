"""What a voxel consists of: the volume fractions of grey matter, white matter and cerebrospinal fluid."""

from dataclasses import dataclass

import numpy as np

from diffmrs.errors import InputError

# Water of each compartment, relative to pure water of the same volume: Ernst, Kreis & Ross 1993, J Magn Reson B
# 102:1-8, as used by Gasparovic et al. 2006, Magn Reson Med 55:1219-1226.
WATER_CONTENT = {"gm": 0.78, "wm": 0.65, "csf": 0.97}
_SUM_TOLERANCE = 0.05
LEAST_TISSUE = 0.01  # below this share of GM and WM a voxel is fluid, and tissue concentrations mean nothing


@dataclass(frozen=True)
class TissueFractions:
    """Volume fractions of each voxel, adding up to 1. [spectra], or [1] when all spectra share one voxel

    Attributes:
        gm: grey matter.
        wm: white matter.
        csf: cerebrospinal fluid.
    """

    gm: np.ndarray
    wm: np.ndarray
    csf: np.ndarray

    @property
    def tissue(self) -> np.ndarray:
        """Grey and white matter together."""
        return self.gm + self.wm

    @property
    def water_share(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shares of GM, WM and CSF in the water molecules of the voxel: mole fractions, not volume fractions."""
        parts = [getattr(self, name) * content for name, content in WATER_CONTENT.items()]
        total = np.sum(parts, axis=0)
        return parts[0] / total, parts[1] / total, parts[2] / total


def tissue_fractions(gm: float, wm: float, csf: float) -> tuple[TissueFractions, tuple[str, ...]]:
    """Fractions told by the user, made to add up to 1.

    Args:
        gm: volume fraction of grey matter.
        wm: of white matter.
        csf: of cerebrospinal fluid.

    Returns:
        The fractions, and a note when they were rescaled.

    Raises:
        InputError: a fraction is negative or not finite, they add up to something else than 1 by more than 0.05, or
            there is no tissue in the voxel.
    """
    values = np.array([gm, wm, csf], dtype=float)
    told = f"GM {gm:g}, WM {wm:g}, CSF {csf:g}"
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f"tissue fractions are {told}; each must be at least 0")
    total = float(values.sum())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise InputError(f"tissue fractions {told} add up to {total:g}; fractions of a voxel add up to 1")
    values = values / total
    if values[0] + values[1] < LEAST_TISSUE:
        raise InputError(f"tissue fractions {told}: the voxel holds no tissue, so there is no tissue concentration")
    notes = (f"The tissue fractions added up to {total:g} and were divided by that.",) if abs(total - 1) > 1e-6 else ()
    return TissueFractions(*(values[k : k + 1] for k in range(3))), notes
