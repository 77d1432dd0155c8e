"""Flags: reasons not to believe a fit, each a short name and a sentence."""

from diffmrs.quality.flags.evidence import Evidence, measure
from diffmrs.quality.flags.flag import Flag
from diffmrs.quality.flags.table import FLAGS, Flags, judge

__all__ = ["FLAGS", "Evidence", "Flag", "Flags", "judge", "measure"]
