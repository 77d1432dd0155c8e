"""Whole volumes: fitted in chunks, kept on the disk, and shown as maps."""

from diffmrs.volume.fit import RUN_FOLDER, VolumeFit, fit_volume

__all__ = ["RUN_FOLDER", "VolumeFit", "fit_volume"]
