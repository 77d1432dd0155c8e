r"""Random smooth baselines: broad lines side by side, with random heights and phases.

$$b(t) = \sum_k z_k\, e^{2\pi i f_k t}\, e^{-\pi^2 w^2 t^2 / (4 \ln 2)}$$

with complex Gaussian weights $z_k$ and lines at most half their width $w$ apart. Such an FID begins at time zero, as
those of lipids and macromolecules do: real and imaginary part of its spectrum are Hilbert transforms of each other.
What processing leaves behind need not be so: the non-causal baseline takes its two parts from two different FIDs.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.lineshape import voigt_decay
from diffmrs.model.signal import SignalModel
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Distribution, LogUniform

_MARGIN_PPM = 1.0  # lines lie this far beyond the window too, so that the baseline does not fade at its ends
_SPACING_PPM = 0.1
_BROAD = LogUniform(0.4, 3.0)


@container()
@dataclass(frozen=True)
class RandomBaseline:
    """How strong and how smooth baselines are.

    Attributes:
        height: root mean square of the baseline in the window over the tallest point of the metabolites.
        width_ppm: full width at half maximum of its lines, ppm, at least 0.2: features are about that wide.
        causal: probability that real and imaginary part belong together.
    """

    height: Distribution
    width_ppm: Distribution = _BROAD
    causal: Any = 0.5


def draw_baseline(
    key: Array, width_ppm: Float[Array, ""], causal: Any, model: SignalModel
) -> Complex[Array, " points"]:
    """The spectrum of one baseline, over the whole band; the root mean square of each part in the window is 1.

    Args:
        key: `jax.random` key.
        width_ppm: full width at half maximum of its lines, ppm.
        causal: whether real and imaginary part belong together; a Python or an array boolean.
        model: tells axes and window.
    """
    acquisition = model.acquisition
    centres = np.arange(model.ppm.min() - _MARGIN_PPM, model.ppm.max() + _MARGIN_PPM, _SPACING_PPM)
    time_s = acquisition.time_s(model.n_points)
    waves = jnp.exp(2j * np.pi * acquisition.ppm_to_hz(centres)[:, None] * jnp.asarray(time_s)[None])
    width_hz = width_ppm * acquisition.spectrometer_frequency_mhz
    decay = voigt_decay(jnp.asarray(time_s), jnp.zeros(1), width_hz[None] ** 2)
    weights = jax.random.normal(key, (2, 2, centres.size))
    one, other = spectrum_of((weights[0] + 1j * weights[1]).astype(waves.dtype) @ waves * decay)
    spectrum = jnp.where(causal, one, one.real + 1j * other.real)
    inside = spectrum[slice(*model.window)]
    return spectrum / jnp.sqrt(jnp.mean(jnp.abs(inside) ** 2) / 2)
