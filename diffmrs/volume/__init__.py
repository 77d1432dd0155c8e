"""Whole volumes: fitted in chunks, kept on the disk, and shown as maps."""

from diffmrs.volume.fit import RUN_FOLDER, fit_volume
from diffmrs.volume.result import VolumeFit

__all__ = ["RUN_FOLDER", "VolumeFit", "fit_volume"]
