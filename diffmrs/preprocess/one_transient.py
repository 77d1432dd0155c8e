"""One transient against a template, with unstable water and lipids as Gaussian nuisances."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.preprocess.nuisances import Unstable, nuisance_directions
from diffmrs.preprocess.registration import absolute, angle, search_bins
from diffmrs.preprocess.summit import summit

# Largest variance of a nuisance, in units of that of the noise: those tried, and the one it is removed with.
_STRENGTHS = (0.0, 10.0, 300.0, 1e4)
_FREE = 1e4


@dataclass(frozen=True)
class Comparison:
    """What is compared and where is looked: hashable, so that it can be static.

    Attributes:
        acquisition: sampling.
        n_points: samples compared.
        kinds: what may come and go.
        limit_hz: largest shift.
    """

    acquisition: Acquisition
    n_points: int
    kinds: tuple[Unstable, ...]
    limit_hz: float

    @cached_property
    def block(self) -> int:
        """Samples summed into one for the search: shifts are looked for in a narrow band."""
        return max(1, int(self.acquisition.bandwidth_hz / (16 * self.limit_hz)))

    @cached_property
    def blocks(self) -> int:
        """How many such sums there are."""
        return -(-self.n_points // self.block)

    @cached_property
    def filled(self) -> int:
        """Length of the zero-filled transform of the search: a power of two."""
        return 1 << int(np.ceil(np.log2(4 * self.blocks)))

    @cached_property
    def step_hz(self) -> float:
        """Distance between two shifts tried, Hz."""
        return 1 / (self.filled * self.block * self.acquisition.dwell_time_s)

    @cached_property
    def bins(self) -> np.ndarray:
        """Shifts tried, in steps."""
        return search_bins(self.acquisition, self.filled, self.limit_hz, self.block)

    @cached_property
    def directions(self) -> np.ndarray:
        """Orthonormal nuisances. [rank, points]"""
        return nuisance_directions(self.kinds, self.acquisition, self.n_points)[0]

    @cached_property
    def detection(self) -> tuple[np.ndarray, np.ndarray]:
        """For each combination of strengths, the part of each direction that is taken for nuisance, [states, rank],
        and the log-determinant that pays for it, [states]."""
        variance = self._strengths() @ nuisance_directions(self.kinds, self.acquisition, self.n_points)[1]
        return variance / (1 + variance), np.log1p(variance).sum(axis=1)

    @cached_property
    def removal(self) -> np.ndarray:
        """The same part once a kind was detected: nearly all, so that little of it is left. [states, rank]"""
        strengths = np.where(self._strengths() > 0, _FREE, 0.0)
        variance = strengths @ nuisance_directions(self.kinds, self.acquisition, self.n_points)[1]
        return variance / (1 + variance)

    def _strengths(self) -> np.ndarray:
        return np.array(list(product(_STRENGTHS, repeat=len(self.kinds))))


class Matched(NamedTuple):
    """A transient against a template.

    Attributes:
        shift_hz: what it has more than the template, Hz.
        phase_rad: the same, rad.
        amplitude: relative to the template.
        misfit: squared residual per degree of freedom, noise variances: 1 when the model holds.
        nuisance: energy of what was taken for nuisance, relative to that of the template's part.
        converged: whether the maximum was found.
        aligned: the transient without shift, phase and nuisances. [points]
    """

    shift_hz: Float[Array, ""]
    phase_rad: Float[Array, ""]
    amplitude: Float[Array, ""]
    misfit: Float[Array, ""]
    nuisance: Float[Array, ""]
    converged: Bool[Array, ""]
    aligned: Complex[Array, " points"]


def match(
    fid: Complex[Array, " points"],
    template: Complex[Array, " points"],
    noise_variance: Float[Array, ""],
    comparison: Comparison,
    near_hz: Float[Array, ""] | None = None,
) -> Matched:
    r"""Shift, phase and amplitude of a transient by generalised least squares.

    The model is $x = T_\Delta(b\,s + Q c) + $ noise: the template $s$ and nuisances $Qc$ move together by $\Delta$; $b$
    is free and complex, $c$ Gaussian with variances $v\lambda_k$ relative to the noise. With $y = T_{-\Delta}x$, $D_k =
    v\lambda_k/(1+v\lambda_k)$ and $W = 1 - Q D Q^H$, the log-likelihood with $b$ and $c$ integrated or maximised out is

    $$\ell(\Delta, v) = \frac{1}{2\sigma^2}\Big(\sum_k D_k |q_k^H y|^2 + \frac{|s^H W y|^2}{s^H W s}\Big)
      - \sum_k \log(1+v\lambda_k)$$

    up to a constant: variable projection (Golub & Pereyra 1973; in registration, Wilson 2019, Magn Reson Med 81:2878)
    with a ridge whose strength $v$, one for water and one for lipids, zero among them, is chosen by the evidence. All
    shifts and strengths are tried at once on block sums of $q_k^*x$, which hold the band of the shifts; Newton's
    method finds the top.

    Args:
        fid: the transient.
        template: what it is compared with.
        noise_variance: of the complex samples: twice that of the real part.
        comparison: what is compared and where is looked.
        near_hz: the shift, to a step of the search; None to search for it.
    """
    real = fid.real.dtype
    time = jnp.asarray(comparison.acquisition.time_s(comparison.n_points), real)
    directions = jnp.asarray(comparison.directions, fid.dtype)
    tiny = jnp.finfo(real).tiny
    # Energies in units of the noise, so that float32 holds them whatever the scale of the data.
    sd = jnp.sqrt(jnp.maximum(noise_variance, tiny))
    x, s = fid / sd, template / sd
    along = directions.conj() @ s
    both = jnp.concatenate([s[None], directions]).conj()

    def with_energy(taken: np.ndarray) -> tuple[Array, Array]:
        whole = jnp.sum(jnp.abs(s) ** 2)
        parts = jnp.asarray(taken, real)
        return parts, jnp.maximum(whole - parts @ jnp.abs(along) ** 2, 1e-6 * whole + tiny)

    detected, price = comparison.detection
    states = (*with_energy(detected), jnp.asarray(price, real))
    at_every_state = jax.vmap(_evidence, (None, None, 0))
    if near_hz is None:
        searched = _search_products(both * x, comparison)
        tried = jax.vmap(at_every_state, (1, None, None))(searched, along, states)
        best = jnp.argmax(stop_gradient(tried))
        place, state = best // len(price), best % len(price)
        coarse = jnp.asarray(comparison.bins, real)[place] * comparison.step_hz
    else:
        coarse = stop_gradient(near_hz)
    # Near this shift the block sums lose nothing: the signal turns by less than 0.01 rad within a block.
    sums = _block_sums(both * (x * jnp.exp(-2j * jnp.pi * coarse * time)), comparison)
    if near_hz is not None:
        state = jnp.argmax(stop_gradient(at_every_state(sums.sum(axis=1), along, states)))
    mid = jnp.asarray((np.arange(comparison.blocks) + 0.5) * comparison.block - 0.5, real)
    mid = mid * comparison.acquisition.dwell_time_s
    taken, energy = (part[state] for part in with_energy(comparison.removal))

    def height(shift: Array, data: tuple[Array, Array, Array]) -> Array:
        sums, along, energy = data
        return _evidence(sums @ jnp.exp(-2j * jnp.pi * shift[0] * mid), along, (taken, energy, jnp.zeros_like(energy)))

    data = (sums, along, energy)
    beside, converged = summit(height, data, jnp.zeros(1, real), jnp.full(1, 2 * comparison.step_hz, real))
    shift = coarse + beside[0]
    products = sums @ jnp.exp(-2j * jnp.pi * beside[0] * mid)
    amplitude = (products[0] - (taken * along.conj()) @ products[1:]) / energy
    content = taken * (products[1:] - amplitude * along)
    turned = x * jnp.exp(-2j * jnp.pi * shift * time) - content @ directions
    rest = jnp.sum(jnp.abs(x) ** 2) - height(beside, data)
    phase = angle(amplitude)
    part_of_template = jnp.maximum(jnp.abs(amplitude) ** 2 * jnp.sum(jnp.abs(s) ** 2), tiny)
    return Matched(
        shift,
        phase,
        absolute(amplitude),
        rest / comparison.n_points,
        jnp.sum(jnp.abs(content) ** 2) / part_of_template,
        converged,
        turned * jnp.exp(-1j * phase) * sd,
    )


def _evidence(products: Array, along: Array, state: tuple[Array, Array, Array]) -> Array:
    """Log-likelihood from the products of a transient with the template, first, and the nuisances."""
    taken, energy, price = state
    template_part = products[0] - (taken * along.conj()) @ products[1:]
    nuisance_part = taken @ (products[1:].real ** 2 + products[1:].imag ** 2)
    return (template_part.real**2 + template_part.imag**2) / energy + nuisance_part - price


def _block_sums(products: Complex[Array, "rows points"], comparison: Comparison) -> Complex[Array, "rows blocks"]:
    missing = comparison.blocks * comparison.block - comparison.n_points
    padded = jnp.pad(products, ((0, 0), (0, missing)))
    return padded.reshape(len(products), comparison.blocks, comparison.block).sum(axis=-1)


def _search_products(products: Complex[Array, "rows points"], comparison: Comparison) -> Complex[Array, "rows bins"]:
    """Sums of products turned back by every shift tried; the droop and delay of the blocks are made good."""
    sums = jnp.fft.fft(_block_sums(products, comparison), comparison.filled)[:, comparison.bins]
    turns = comparison.bins / comparison.filled  # per block
    delay = np.exp(-1j * np.pi * turns * (1 - 1 / comparison.block)) / np.sinc(turns)
    return sums * jnp.asarray(delay, sums.dtype)
