"""From file names to files: what the command `diffmrs fit` does, step by step."""

from diffmrs.pipeline.inputs import Inputs, read_inputs, read_measured
from diffmrs.pipeline.options import FitOptions
from diffmrs.pipeline.single import FitRun, fit_data, fit_files, fit_inputs, write_outputs
from diffmrs.pipeline.volume import VolumeRun, fit_volume_inputs, write_volume_outputs

__all__ = [
    "FitOptions",
    "FitRun",
    "Inputs",
    "VolumeRun",
    "fit_data",
    "fit_files",
    "fit_inputs",
    "fit_volume_inputs",
    "read_inputs",
    "read_measured",
    "write_outputs",
    "write_volume_outputs",
]
