"""Pictures of a FID for networks: spectrogram, scalogram, scattering. Each is a pure function of one FID."""

from diffmrs.learn.representations.scalogram import Morse, inverse_scalogram, scalogram
from diffmrs.learn.representations.scattering import Scattering, scatter
from diffmrs.learn.representations.specs import ScalogramSpec, ScatteringSpec, SpectrogramSpec
from diffmrs.learn.representations.spectrogram import ShortTime, diagonal, inverse_stft, stft

__all__ = [
    "Morse",
    "ScalogramSpec",
    "Scattering",
    "ScatteringSpec",
    "ShortTime",
    "SpectrogramSpec",
    "diagonal",
    "inverse_scalogram",
    "inverse_stft",
    "scalogram",
    "scatter",
    "stft",
]
