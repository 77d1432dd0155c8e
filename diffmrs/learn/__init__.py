"""Learned estimators: networks whose decoder is the fitter's own signal model. Needs `pip install 'diffmrs[learn]'`."""

from diffmrs.errors import InputError

try:
    from diffmrs.learn.checkpoint import read_checkpoint, write_checkpoint
    from diffmrs.learn.decoder import Decoder, Prior, decoder_for
    from diffmrs.learn.encoders import (
        CNN,
        ENCODERS,
        MLP,
        PRESETS,
        ConvNeXt1D,
        ConvStack,
        InceptionNet,
        Mixer1D,
        PooledResNet,
        ResNet1D,
        Subspace,
        Transformer1D,
        UNet1D,
        encoder_spec,
        spec_from_json,
        spec_to_json,
        subspace_of,
    )
    from diffmrs.learn.examples import (
        Example,
        PopulationSource,
        RecipeSource,
        Source,
        draw_examples,
        recipe_source,
    )
    from diffmrs.learn.finite import AmplitudeSource, FiniteSource, MixedSource, amplitude_source
    from diffmrs.learn.flow import SplineFlow
    from diffmrs.learn.gaussian import Gaussian
    from diffmrs.learn.inputs import InputSpec, NetworkInput, Representation, network_input
    from diffmrs.learn.kept import KeptSource, keep
    from diffmrs.learn.latent import Latent, latent_for
    from diffmrs.learn.losses import PosteriorLoss, SelfSupervised, Supervised, ThroughSteps
    from diffmrs.learn.macromolecule_lines import lines_basis
    from diffmrs.learn.mode import Mode, find_mode, gauss_newton
    from diffmrs.learn.network import Network
    from diffmrs.learn.offset_decoders import CreatineLine, ProfiledTransient, ReferenceTransient
    from diffmrs.learn.offset_regression import OffsetRegression, estimate_in_turn
    from diffmrs.learn.posterior import PosteriorNetwork
    from diffmrs.learn.presets import (
        Preset,
        PresetModel,
        prepare,
        preset_names,
        read_preset,
        read_preset_model,
        save_preset_model,
        train_preset,
    )
    from diffmrs.learn.published import Reconstruction, reconstruction
    from diffmrs.learn.registration import PUBLISHED_WINDOW_PPM, OffsetLoss, estimate_offsets
    from diffmrs.learn.regularised import Constant, ThroughMode, steered, steered_mode, steering_outputs
    from diffmrs.learn.scene import Scene, Seen
    from diffmrs.learn.subspace import fitted_subspace
    from diffmrs.learn.tensors import read_tensors, write_tensors
    from diffmrs.learn.training import Loss, Progress, Training, train
    from diffmrs.learn.transients import Intermittent, TransientSource, reference_transient
    from diffmrs.learn.view import StackView, View, frozen
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("flax", "optax", "safetensors"):
        raise
    raise InputError(f"learned estimators need {error.name}, which is missing: pip install 'diffmrs[learn]'") from None

__all__ = [
    "CNN",
    "ENCODERS",
    "MLP",
    "PRESETS",
    "PUBLISHED_WINDOW_PPM",
    "AmplitudeSource",
    "Constant",
    "ConvNeXt1D",
    "ConvStack",
    "CreatineLine",
    "Decoder",
    "Example",
    "FiniteSource",
    "Gaussian",
    "InceptionNet",
    "InputSpec",
    "Intermittent",
    "KeptSource",
    "Latent",
    "Loss",
    "MixedSource",
    "Mixer1D",
    "Mode",
    "Network",
    "NetworkInput",
    "OffsetLoss",
    "OffsetRegression",
    "PooledResNet",
    "PopulationSource",
    "PosteriorLoss",
    "PosteriorNetwork",
    "Preset",
    "PresetModel",
    "Prior",
    "ProfiledTransient",
    "Progress",
    "RecipeSource",
    "Reconstruction",
    "ReferenceTransient",
    "Representation",
    "ResNet1D",
    "Scene",
    "Seen",
    "SelfSupervised",
    "Source",
    "SplineFlow",
    "StackView",
    "Subspace",
    "Supervised",
    "ThroughMode",
    "ThroughSteps",
    "Training",
    "Transformer1D",
    "TransientSource",
    "UNet1D",
    "View",
    "amplitude_source",
    "decoder_for",
    "draw_examples",
    "encoder_spec",
    "estimate_in_turn",
    "estimate_offsets",
    "find_mode",
    "fitted_subspace",
    "frozen",
    "gauss_newton",
    "keep",
    "latent_for",
    "lines_basis",
    "network_input",
    "prepare",
    "preset_names",
    "read_checkpoint",
    "read_preset",
    "read_preset_model",
    "read_tensors",
    "recipe_source",
    "reconstruction",
    "reference_transient",
    "save_preset_model",
    "spec_from_json",
    "spec_to_json",
    "steered",
    "steered_mode",
    "steering_outputs",
    "subspace_of",
    "train",
    "train_preset",
    "write_checkpoint",
    "write_tensors",
]
