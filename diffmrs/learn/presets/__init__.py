"""Published estimators as small files: data, input, network, loss and training of each, to copy and to change."""

from diffmrs.learn.presets.build import Prepared, TwoPaths, prepare, train_preset
from diffmrs.learn.presets.model import PresetModel, read_preset_model, save_preset_model
from diffmrs.learn.presets.preset import Extension, Preset, RecipeChanges, preset_names, read_preset

__all__ = [
    "Extension",
    "Prepared",
    "Preset",
    "PresetModel",
    "RecipeChanges",
    "TwoPaths",
    "prepare",
    "preset_names",
    "read_preset",
    "read_preset_model",
    "save_preset_model",
    "train_preset",
]
