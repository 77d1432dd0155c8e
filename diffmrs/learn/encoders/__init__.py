"""Networks that turn a signal into features: small frozen specifications, and the modules that they build."""

from diffmrs.learn.encoders.cnn import CNN
from diffmrs.learn.encoders.convnext import ConvNeXt1D
from diffmrs.learn.encoders.inception import InceptionNet
from diffmrs.learn.encoders.mixer import Mixer1D
from diffmrs.learn.encoders.mlp import MLP
from diffmrs.learn.encoders.pooled_resnet import PooledResNet
from diffmrs.learn.encoders.registry import ENCODERS, PRESETS, encoder_spec, spec_from_json, spec_to_json
from diffmrs.learn.encoders.resnet import ResNet1D
from diffmrs.learn.encoders.stack import ConvStack
from diffmrs.learn.encoders.subspace import Subspace, subspace_of
from diffmrs.learn.encoders.transformer import Transformer1D
from diffmrs.learn.encoders.unet import UNet1D

__all__ = [
    "CNN",
    "ENCODERS",
    "MLP",
    "PRESETS",
    "ConvNeXt1D",
    "ConvStack",
    "InceptionNet",
    "Mixer1D",
    "PooledResNet",
    "ResNet1D",
    "Subspace",
    "Transformer1D",
    "UNet1D",
    "encoder_spec",
    "spec_from_json",
    "spec_to_json",
    "subspace_of",
]
