"""How strongly lipids are to be suppressed: as strongly as metabolites bear, where the brain has any."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.preprocess.chunks import in_chunks

LIPIDS_PPM, METABOLITES_PPM = (0.8, 1.85), (1.95, 3.4)
_BANDS_PPM = LIPIDS_PPM, METABOLITES_PPM
_BELL_S = 0.02  # on the FID: short enough to keep lines of 50 Hz
# Beyond 1000 the lipids hardly become less, while what else is in the skull, such as wings of water, is added to brain.
_BETAS = np.geomspace(1e-2, 1e3, 101)
_CLEAN_PART, _WORST_PART = 25.0, 95.0  # percentiles over the brain
# Macromolecules give brain ratios of 0.65 to 0.95 (measured at 3 T and an echo time of 40 ms; simulated: 0.8 to 0.95).
_OVER_CLEAN, _MOST_RATIO = 1.4, 1.3
_AROUND_PPM = np.linspace(-0.06, 0.06, 7)  # field offsets of the voxels


class Lines(NamedTuple):
    """Singlets that are not to be lost.

    Attributes:
        ppm: where they are; NAA, creatine and choline when not said.
        width_hz: their Lorentzian width, Hz.
    """

    ppm: tuple[float, ...] = (2.008, 3.027, 3.21)
    width_hz: float = 6.0

    def shares(
        self, directions: Complex[np.ndarray, "rank points"], acquisition: Acquisition
    ) -> Float[np.ndarray, "lines rank"]:
        r"""How much of each line lies along each of some orthonormal directions, $|u^H a|^2 / a^H a$."""
        time = acquisition.time_s(directions.shape[1])
        hz = acquisition.ppm_to_hz(np.array(self.ppm))
        lines = np.exp((2j * np.pi * hz[:, None] - np.pi * self.width_hz) * time)
        return np.abs(lines @ directions.conj().T) ** 2 / np.sum(np.abs(lines) ** 2, axis=1, keepdims=True)


def strength_for(
    brain: Complex[np.ndarray, "spectra points"],
    directions: Complex[np.ndarray, "rank points"],
    strengths: Float[np.ndarray, " rank"],
    acquisition: Acquisition,
    most_loss: float,
) -> float:
    """The strength of suppression for a volume, relative to the largest eigenvalue.

    It is the largest, up to 1000, at which no singlet of NAA, creatine or choline, within 0.06 ppm of its place, loses
    more than `most_loss`. A fit whose basis went through the operator pays for a loss in noise only, not in bias, so
    that strong is better than weak.

    It is 0 where the brain needs none: behind a bell on the FID of 20 ms, which takes the wings of lines away, the root
    mean square at 0.8 to 1.85 ppm is put over that at 1.95 to 3.4 ppm. Macromolecules alone give ratios that differ
    little within a brain. There are lipids when the 95th percentile over the voxels exceeds 1.4 times the 25th, or 1.3.

    Args:
        brain: FIDs of brain voxels.
        directions: what lipids are made of, orthonormal FIDs.
        strengths: eigenvalue of each direction over the largest.
        acquisition: sampling.
        most_loss: share of a line that may be lost.
    """
    ratio = in_chunks(partial(_ratio, acquisition=acquisition), brain)
    if np.percentile(ratio, _WORST_PART) <= min(_OVER_CLEAN * np.percentile(ratio, _CLEAN_PART), _MOST_RATIO):
        return 0.0
    around = tuple(np.add.outer(np.array(Lines().ppm), _AROUND_PPM).ravel())
    scaled = _BETAS[:, None] * strengths
    loss = (Lines(around).shares(directions, acquisition) @ (scaled / (1 + scaled)).T).max(axis=0)
    return float(_BETAS[loss <= most_loss].max(initial=0.0))


@partial(jax.jit, static_argnames="acquisition")
def _ratio(fid: Complex[Array, "spectra points"], acquisition: Acquisition) -> Float[Array, " spectra"]:
    """Lipids over metabolites."""
    time, ppm = acquisition.time_s(fid.shape[1]), acquisition.ppm(fid.shape[1])
    bell = np.where(time < _BELL_S, np.sin(np.pi * time / _BELL_S) ** 2, 0.0)
    power = jnp.abs(jnp.fft.fftshift(jnp.fft.fft(fid * jnp.asarray(bell, fid.real.dtype)[None, :]), axes=-1)) ** 2
    lipids, metabolites = (power[:, (ppm > low) & (ppm < high)].mean(axis=-1) for low, high in _BANDS_PPM)
    return jnp.sqrt(lipids / jnp.where(metabolites > 0, metabolites, jnp.inf))
