"""Pictures of a FID for networks: spectrogram, scalogram, scattering. Each is a pure function of one FID."""

from diffmrs.learn.representations.scalogram import Morse, inverse_scalogram, scalogram
from diffmrs.learn.representations.scalogram_spec import ScalogramSpec
from diffmrs.learn.representations.scattering import Scattering, scatter
from diffmrs.learn.representations.scattering_spec import ScatteringSpec
from diffmrs.learn.representations.spectrogram import ShortTime, diagonal, inverse_stft, stft
from diffmrs.learn.representations.spectrogram_spec import SpectrogramSpec

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
