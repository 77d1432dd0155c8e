"""Whole volumes: fitted in chunks, kept on the disk, and shown as maps."""

from diffmrs.volume.fit import VolumeFit, fit_volume

__all__ = ["VolumeFit", "fit_volume"]
