"""A preset so small that it trains in seconds, and its basis."""

from dataclasses import replace

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.simulate import RECIPES

ACQUISITION = Acquisition(1 / 1200, 123.2)
NAMES, PPM, PROTONS = ("NAA", "Cr", "GPC", "MM"), (2.0, 3.0, 3.2, 0.9), (3, 5, 9, 6)
_OTHERS = [one.name for one in RECIPES["hatami2018"].ingredients if one.name not in NAMES]

TEXT = f"""
name = "small"
source = "none"
note = "none"
loss = "mse"
training_set = 200
[recipe]
name = "hatami2018"
without = {_OTHERS}
snr = [20, 20]
[representation]
kind = "spectrum"
ppm_range = [0.5, 4.0]
unit = 4.0
[network]
encoder = "mlp"
widths = [16]
[training]
steps = 60
every = 30
batch = 32
validation = 64
learning_rate = 1e-2
""".replace("'", '"')
TWO_PATHS = (
    TEXT.replace("unit = 4.0\n", "")
    .replace('"mse"', '"heteroscedastic"')
    .replace("widths", "dropout = 0.1\ntwo_paths = true\nwidths")
)
ISOLATED = (
    TEXT.replace('"mse"', '"isolated"')
    .replace('"mlp"', '"unet"')
    .replace("widths = [16]", "channels = [4, 4]")
    .replace("ppm_range = [0.5, 4.0]\n", "")
)


def basis() -> Basis:
    time_s = np.arange(256) * ACQUISITION.dwell_time_s
    hz = np.array([ACQUISITION.ppm_to_hz(ppm) for ppm in PPM])
    fid = np.array(PROTONS)[:, None] * np.exp((2j * np.pi * hz[:, None] - 10.0) * time_s[None])
    return Basis(fid.astype(np.complex64), ACQUISITION, NAMES)


def water_recipe():
    """For `ISOLATED`, the four members with water."""
    whole = RECIPES["rizzo2022"]
    kept = ("NAA", "tCr", "tCho", "MM")
    found = tuple(replace(one, amplitude=(0.0, 1.0)) for one in whole.ingredients if one.name in kept)
    return replace(whole, ingredients=found, water_protons=8.0, snr=(40.0, 40.0))
