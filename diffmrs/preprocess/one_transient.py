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
    def long_block(self) -> int:
        """Samples summed into one once the shift is known to a step: none turns by more than 0.01 rad from its mean."""
        most = 2 * 0.01 / (2 * np.pi * self.step_hz * self.acquisition.dwell_time_s)
        return self.block * max(1, int(most / self.block))

    @cached_property
    def padded(self) -> int:
        """Samples with the zeros that fill up the last long block."""
        return -(-self.n_points // self.long_block) * self.long_block

    @cached_property
    def filled(self) -> int:
        """Length of the zero-filled transform of the search: a power of two. Twice is enough for Newton's method."""
        return 1 << int(np.ceil(np.log2(2 * self.blocks)))

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


class Template(NamedTuple):
    """What all transients are compared with, in units of the noise. See `prepared`.

    Attributes:
        products: conjugates of the template, first, and of the nuisances. [1 + rank, padded points]
        along: products of the nuisances with the template. [rank]
        energy: of the template.
        sd: the unit: standard deviation of a complex sample.
    """

    products: Complex[Array, "rows padded"]
    along: Complex[Array, " rank"]
    energy: Float[Array, ""]
    sd: Float[Array, ""]


def prepared(template: Complex[Array, " points"], noise_variance: Float[Array, ""], comparison: Comparison) -> Template:
    """A template for `match`; noise variance of a complex sample: twice that of its real part."""
    directions = jnp.asarray(comparison.directions, template.dtype)
    tiny = jnp.finfo(template.real.dtype).tiny
    # Energies in units of the noise, so that float32 holds them whatever the scale of the data.
    sd = jnp.sqrt(jnp.maximum(noise_variance, tiny))
    template = template / sd
    rows = jnp.concatenate([template[None], directions]).conj()
    rows = jnp.pad(rows, ((0, 0), (0, comparison.padded - comparison.n_points)))
    energy = jnp.maximum(jnp.sum(template.real**2 + template.imag**2), tiny)
    return Template(rows, directions.conj() @ template, energy, sd)


def match(
    fid: Complex[Array, " points"],
    template: Template,
    comparison: Comparison,
    near_hz: Float[Array, ""] | None = None,
) -> Matched:
    r"""Shift, phase and amplitude of a transient by generalised least squares.

    The model is $x = T_\Delta(b\,s + Q c) + $ noise: the template $s$ and nuisances $Qc$ move together by $\Delta$; $b$
    is free and complex, $c$ Gaussian with variances $v\lambda_k$ relative to the noise. With $y = T_{-\Delta}x$, $D_k =
    v\lambda_k/(1+v\lambda_k)$ and $W = 1 - Q D Q^H$, the log-likelihood with $b$ maximised and $c$ integrated out is

    $$\ell(\Delta, v) = \frac{1}{\sigma^2}\Big(\sum_k D_k |q_k^H y|^2 + \frac{|s^H W y|^2}{s^H W s}\Big)
      - \sum_k \log(1+v\lambda_k)$$

    up to a constant: variable projection (Golub & Pereyra 1973, SIAM J Numer Anal 10:413; in registration, Wilson 2019,
    Magn Reson Med 81:2878) with a prior on the nuisances. All shifts and strengths, one for each kind and zero among
    them, are tried at once on sums over short blocks of $q_k^*x$, which hold the band of the shifts. Kinds that the
    evidence is for are then projected out, and Newton's method finds the top.

    Args:
        fid: the transient.
        template: what it is compared with.
        comparison: what is compared and where is looked.
        near_hz: the shift, to a step of the search; None to search for it.
    """
    real = fid.real.dtype
    time = jnp.asarray(comparison.acquisition.time_s(comparison.n_points), real)
    tiny = jnp.finfo(real).tiny
    rows, along, whole, sd = template
    x = fid / sd

    def with_energy(taken: np.ndarray) -> tuple[Array, Array]:
        parts = jnp.asarray(taken, real)
        return parts, jnp.maximum(whole - parts @ jnp.abs(along) ** 2, 1e-6 * whole)

    detected, price = comparison.detection
    states = stop_gradient((*with_energy(detected), jnp.asarray(price, real)))
    at_every_state = jax.vmap(_evidence, (None, None, 0))
    if near_hz is None:
        searched = _search_products(stop_gradient(rows * _padded(x, comparison)), comparison)
        tried = jax.vmap(at_every_state, (1, None, None))(searched, stop_gradient(along), states)
        best = jnp.argmax(jnp.max(tried, axis=1))
        coarse = jnp.asarray(comparison.bins, real)[best] * comparison.step_hz
    else:
        coarse = stop_gradient(near_hz)
    turned = x * jnp.exp(-2j * jnp.pi * coarse * time)
    sums = _block_sums(rows * _padded(turned, comparison), comparison.long_block)
    middles = (np.arange(sums.shape[1]) + 0.5) * comparison.long_block - 0.5
    mid = jnp.asarray(middles * comparison.acquisition.dwell_time_s, real)

    def products(shift: Array, sums: Array) -> Array:
        return sums @ jnp.exp(-2j * jnp.pi * shift[0] * mid)

    removed, left = with_energy(comparison.removal)
    beside, reach = jnp.zeros(1, real), jnp.full(1, 2 * comparison.step_hz, real)
    for _ in range(2):  # what is a nuisance and what a shift is told apart at the right shift only
        state = jnp.argmax(at_every_state(products(beside, stop_gradient(sums)), stop_gradient(along), states))

        def height(shift: Array, data: tuple[Array, Array, Array], taken: Array = removed[state]) -> Array:
            sums, along, energy = data
            return _evidence(products(shift, sums), along, (taken, energy, jnp.zeros_like(energy)))

        data = (sums, along, left[state])
        beside, converged = summit(height, data, beside, reach)
    at_top = products(beside, sums)
    taken, energy = removed[state], left[state]
    amplitude = (at_top[0] - (taken * along.conj()) @ at_top[1:]) / energy
    content = taken * (at_top[1:] - amplitude * along)
    phase = angle(amplitude)
    back = jnp.exp(-1j * (2 * jnp.pi * beside[0] * time + phase))
    nuisance = (content @ jnp.asarray(comparison.directions, fid.dtype)) * jnp.exp(-1j * phase)
    return Matched(
        coarse + beside[0],
        phase,
        absolute(amplitude),
        (jnp.sum(x.real**2 + x.imag**2) - height(beside, data)) / comparison.n_points,
        jnp.sum(jnp.abs(content) ** 2) / jnp.maximum(jnp.abs(amplitude) ** 2 * whole, tiny),
        converged,
        (turned * back - nuisance) * sd,
    )


def _padded(fid: Array, comparison: Comparison) -> Array:
    return jnp.pad(fid, (0, comparison.padded - comparison.n_points))[None]


def _evidence(products: Array, along: Array, state: tuple[Array, Array, Array]) -> Array:
    """Log-likelihood from the products of a transient with the template, first, and the nuisances."""
    taken, energy, price = state
    template_part = products[0] - (taken * along.conj()) @ products[1:]
    nuisance_part = taken @ (products[1:].real ** 2 + products[1:].imag ** 2)
    return (template_part.real**2 + template_part.imag**2) / energy + nuisance_part - price


def _block_sums(products: Complex[Array, "rows padded"], block: int) -> Complex[Array, "rows blocks"]:
    return products.reshape(len(products), -1, block).sum(axis=-1)


def _search_products(products: Complex[Array, "rows points"], comparison: Comparison) -> Complex[Array, "rows bins"]:
    """Sums of products turned back by every shift tried; the droop and delay of the blocks are made good."""
    sums = jnp.fft.fft(_block_sums(products, comparison.block), comparison.filled)[:, comparison.bins]
    turns = comparison.bins / comparison.filled  # per block
    delay = np.exp(-1j * np.pi * turns * (1 - 1 / comparison.block)) / np.sinc(turns)
    return sums * jnp.asarray(delay, sums.dtype)[None]
