"""Encoders by name, and their specifications as JSON."""

import json
from dataclasses import asdict, fields, replace
from typing import Any

from diffmrs.errors import InputError
from diffmrs.learn.encoders.cnn import CNN
from diffmrs.learn.encoders.convnext import ConvNeXt1D
from diffmrs.learn.encoders.inception import InceptionNet
from diffmrs.learn.encoders.mixer import Mixer1D
from diffmrs.learn.encoders.mlp import MLP
from diffmrs.learn.encoders.pooled_resnet import PooledResNet
from diffmrs.learn.encoders.resnet import ResNet1D
from diffmrs.learn.encoders.stack import ConvStack
from diffmrs.learn.encoders.subspace import Subspace
from diffmrs.learn.encoders.transformer import Transformer1D
from diffmrs.learn.encoders.unet import UNet1D

Encoder = (
    CNN
    | ConvNeXt1D
    | ConvStack
    | InceptionNet
    | MLP
    | Mixer1D
    | PooledResNet
    | ResNet1D
    | Subspace
    | Transformer1D
    | UNet1D
)

ENCODERS: dict[str, type[Encoder]] = {
    "cnn": CNN,
    "convnext": ConvNeXt1D,
    "inception": InceptionNet,
    "mixer": Mixer1D,
    "mlp": MLP,
    "pooled-resnet": PooledResNet,
    "resnet": ResNet1D,
    "stack": ConvStack,
    "subspace": Subspace,
    "transformer": Transformer1D,
    "unet": UNet1D,
}

PRESETS: dict[str, Encoder] = {
    **{name: spec() for name, spec in ENCODERS.items()},
    "cnn-deepfpc": CNN(channels=(16, 24, 32, 40, 48, 56), activation="relu", input_dropout=0.2),
    "convnext-small": ConvNeXt1D(depths=(2, 2, 2), widths=(24, 48, 96)),
    "mixer-small": Mixer1D(width=64, depth=4, token_width=64, channel_width=128),
    "mlp-dq": MLP(widths=(768, 512, 256, 128, 64, 32, 16, 8), per_channel=True),
    "mlp-tapper": MLP(widths=(1024, 512), activation="relu"),
    "resnet-small": ResNet1D(narrow=(8, 16, 32), wide=(32, 64, 128), blocks=2),
    "stack-ma": ConvStack(channels=(4, 8), kernels=(5,), dense=(1024, 512)),  # of Ma et al. 2022 no sizes are public
    "transformer-small": Transformer1D(width=64, depth=2, hidden=128),
}
"""The defaults of every encoder under its name, and published or small variants of it."""


def encoder_spec(name: str, **changes: Any) -> Encoder:
    """A specification by its name in `PRESETS`, with some fields changed.

    Raises:
        InputError: there is no such name or field, or a value cannot be used.
    """
    if name not in PRESETS:
        raise InputError(f"encoder is {name!r}; it must be one of {', '.join(PRESETS)}")
    spec = PRESETS[name]
    _check_fields(type(spec), changes)
    return replace(spec, **_with_tuples(changes))


def spec_to_json(spec: Encoder) -> str:
    """A specification as JSON text: its name in `ENCODERS` under `encoder`, and its fields."""
    name = next(name for name, cls in ENCODERS.items() if cls is type(spec))
    return json.dumps({"encoder": name, **asdict(spec)})


def spec_from_json(text: str) -> Encoder:
    """The specification that `spec_to_json` wrote. Fields that are missing have their defaults.

    Raises:
        InputError: this is no JSON object, or it has unknown names, fields or types.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"specification of an encoder is no JSON: {error}") from None
    name = found.pop("encoder", None) if isinstance(found, dict) else None
    if not isinstance(name, str) or name not in ENCODERS:
        raise InputError(f"specification of an encoder names {name!r}; it must be one of {', '.join(ENCODERS)}")
    _check_fields(ENCODERS[name], found)
    return ENCODERS[name](**_with_tuples(found))


def _with_tuples(found: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}


def _check_fields(cls: type[Encoder], found: dict[str, Any]) -> None:
    known = {field.name: field.default for field in fields(cls)}
    for name, value in found.items():
        if name not in known:
            raise InputError(f"{cls.__name__} has no field {name!r}; it has {', '.join(known)}")
        default = known[name]
        wanted = (list, tuple) if isinstance(default, tuple) else (int, float) if isinstance(default, float) else None
        if not isinstance(value, wanted or type(default)) or (isinstance(value, bool) != isinstance(default, bool)):
            raise InputError(f"{name} of {cls.__name__} is {value!r}; wanted is a value such as {default!r}")
