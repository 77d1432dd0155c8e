"""Learned estimators: networks whose decoder is the fitter's own signal model. Needs `pip install 'diffmrs[learn]'`."""

from diffmrs.errors import InputError

try:
    from diffmrs.learn.encoders import (
        CNN,
        ENCODERS,
        MLP,
        PRESETS,
        ConvNeXt1D,
        Mixer1D,
        ResNet1D,
        Subspace,
        Transformer1D,
        encoder_spec,
        spec_from_json,
        spec_to_json,
        subspace_of,
    )
    from diffmrs.learn.inputs import InputSpec, NetworkInput, network_input
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("flax", "optax", "safetensors"):
        raise
    raise InputError(f"learned estimators need {error.name}, which is missing: pip install 'diffmrs[learn]'") from None

__all__ = [
    "CNN",
    "ENCODERS",
    "MLP",
    "PRESETS",
    "ConvNeXt1D",
    "InputSpec",
    "Mixer1D",
    "NetworkInput",
    "ResNet1D",
    "Subspace",
    "Transformer1D",
    "encoder_spec",
    "network_input",
    "spec_from_json",
    "spec_to_json",
    "subspace_of",
]
