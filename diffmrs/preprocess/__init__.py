"""Steps between the scanner and the fit, each a pure function of one FID."""

from diffmrs.preprocess.eddy_current import correct_eddy_currents
from diffmrs.preprocess.water import remove_water

__all__ = ["correct_eddy_currents", "remove_water"]
