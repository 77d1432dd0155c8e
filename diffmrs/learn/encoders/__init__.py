"""Networks that turn a signal into features: small frozen specifications, and the modules that they build."""

from diffmrs.learn.encoders.cnn import CNN
from diffmrs.learn.encoders.mlp import MLP
from diffmrs.learn.encoders.registry import ENCODERS, PRESETS, encoder_spec, spec_from_json, spec_to_json
from diffmrs.learn.encoders.subspace import Subspace, subspace_of

__all__ = [
    "CNN",
    "ENCODERS",
    "MLP",
    "PRESETS",
    "Subspace",
    "encoder_spec",
    "spec_from_json",
    "spec_to_json",
    "subspace_of",
]
