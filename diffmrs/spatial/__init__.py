"""Images as a whole: soft constraints between neighbouring voxels."""

from diffmrs.spatial.fit import estimate_smoothness, fit_smooth
from diffmrs.spatial.prior import Smoothness

__all__ = ["Smoothness", "estimate_smoothness", "fit_smooth"]
