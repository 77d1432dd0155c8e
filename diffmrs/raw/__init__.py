"""From raw transients to a clean spectrum: coils, eddy currents, alignment, averaging, water, reference."""

from diffmrs.raw.assemble import CleanedScan
from diffmrs.raw.clean import clean_raw
from diffmrs.raw.options import RawOptions
from diffmrs.raw.series import SeriesRecord

__all__ = ["CleanedScan", "RawOptions", "SeriesRecord", "clean_raw"]
