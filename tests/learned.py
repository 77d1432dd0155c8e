"""Three singlets, 128 points and what learned estimators need around them, for tests."""

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.learn.decoder import Decoder, decoder_for
from diffmrs.learn.latent import latent_for
from diffmrs.model import NoBaseline, SignalModel
from diffmrs.model.signal import model_for
from diffmrs.simulate import Normal, Population, Uniform

ACQUISITION = Acquisition(1 / 1200, 123.2)
POINTS = 128
PPM = (2.0, 3.0, 3.2)
TIME = np.arange(POINTS) / 1200
FIXED = {
    "lorentzian_fwhm_hz": Uniform(4.0, 4.0),
    "frequency_shift_hz": Uniform(0.0, 0.0),
    "gaussian_fwhm_hz": Uniform(0.0, 0.0),
    "phase0_rad": Uniform(0.0, 0.0),
}
WIDE = Population(
    amplitude=Uniform(np.full(3, 0.5), np.full(3, 3.0)),
    lorentzian_fwhm_hz=Uniform(2.0, 8.0),
    frequency_shift_hz=Normal(0.0, 3.0),
    gaussian_fwhm_hz=Uniform(1.0, 6.0),
    phase0_rad=Normal(0.0, 0.4),
    delay_s=Normal(0.0, 1e-4),
)


def basis(dtype=np.complex64) -> Basis:
    fid = np.exp(-2j * np.pi * (np.array(PPM)[:, None] - 4.65) * 123.2 * TIME[None] - np.pi * TIME[None])
    return Basis(fid.astype(dtype), ACQUISITION, ("NAA", "Cr", "Cho"))


def decoder(
    population=WIDE, *, ppm_range=None, baseline=None, groups=(0, 0, 0), dtype=np.complex64, **options
) -> Decoder:
    """Over the whole band, or a range of it."""
    members, flat = basis(dtype), NoBaseline() if baseline is None else baseline
    if ppm_range is None:
        model = SignalModel(ACQUISITION, POINTS, (0, POINTS), groups, (0, 0, 0), flat)
    else:
        model = model_for(members, ppm_range=ppm_range, groups=groups, shims=(0, 0, 0), baseline=flat)
    return decoder_for(members, latent_for(population, model, gain=gain), **options)


def linear(dtype=np.complex64, *, mean=(2.0, 1.0, 1.5), sd=(1.0, 0.5, 0.7)) -> Decoder:
    """Only amplitudes vary, normally: the posterior is a Gaussian known in closed form."""
    return decoder(Population(amplitude=Normal(np.array(mean), np.array(sd)), **FIXED), dtype=dtype)
