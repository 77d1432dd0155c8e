r"""Soft constraints as the fit uses them: arrays, one residual each, (value - mean) / sd.

Half the sum of their squares is the negative logarithm of a Gaussian prior density. For a ratio ρ = a / D the density
is Gaussian in ρ with D flat, so that the fit returns the maximum of the posterior in D and ρ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.priors.constraints import SCALARS, Constraint, ParameterPrior, RatioPrior, Weights
from diffmrs.pytree import container

_SIDE = {"both": 0.0, "below": -1.0, "above": 1.0}


@container(static=("labels", "sources"))
@dataclass(frozen=True)
class Priors:
    """A pytree of soft constraints; means and standard deviations are leaves and can be differentiated.

    Attributes:
        numerator: weights of the amplitudes above the line. [ratios, members]
        denominator: weights of the amplitudes below the line. [ratios, members]
        ratio_mean: expected ratios. [ratios]
        ratio_sd: their standard deviations. [ratios]
        ratio_side: 0 both sides, -1 only below, 1 only above the mean. [ratios]
        weights: weights of the parameters, every field with one more, first axis. [values, ...]
        value_mean: expected weighted sums. [values]
        value_sd: their standard deviations. [values]
        value_side: as `ratio_side`. [values]
        labels: what is constrained, ratios first.
        sources: where each comes from.
    """

    numerator: Any
    denominator: Any
    ratio_mean: Any
    ratio_sd: Any
    ratio_side: Any
    weights: Parameters
    value_mean: Any
    value_sd: Any
    value_side: Any
    labels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def n_ratios(self) -> int:
        """Number of constrained ratios."""
        return self.numerator.shape[0]

    def without_ratios(self) -> "Priors":
        """Only the constraints on single parameters."""
        none = slice(0, 0)
        return replace(
            self,
            **{
                name: getattr(self, name)[none]
                for name in ("numerator", "denominator", "ratio_mean", "ratio_sd", "ratio_side")
            },
            labels=self.labels[self.n_ratios :],
            sources=self.sources[self.n_ratios :],
        )


def priors_for(constraints: Sequence[Constraint], names: Sequence[str], model: SignalModel) -> Priors:
    """Turn constraints into arrays for a basis and a model.

    Args:
        constraints: the soft constraints.
        names: of the basis members.
        model: tells the groups.

    Raises:
        InputError: a constraint names a member that the basis lacks (parts of a denominator may be missing, not all).
    """
    ratios = [c for c in constraints if isinstance(c, RatioPrior)]
    values = [c for c in constraints if isinstance(c, ParameterPrior)]
    return Priors(
        numerator=np.array([_amplitudes(r.numerator, names, r.label, 1.0) for r in ratios]).reshape(-1, len(names)),
        denominator=np.array([_amplitudes(r.denominator, names, r.label, 0.0) for r in ratios]).reshape(-1, len(names)),
        ratio_mean=np.array([r.mean for r in ratios]),
        ratio_sd=np.array([r.sd for r in ratios]),
        ratio_side=np.array([_SIDE[r.side] for r in ratios]),
        weights=_value_weights(values, names, model),
        value_mean=np.array([v.mean for v in values]),
        value_sd=np.array([v.sd for v in values]),
        value_side=np.array([_SIDE[v.side] for v in values]),
        labels=tuple(r.label for r in ratios) + tuple(v.label for v in values),
        sources=tuple(r.source for r in ratios) + tuple(v.source for v in values),
    )


def ratio_residual(
    amplitude: Float[Array, " members"], priors: Priors, floor: Float[Array, " members"]
) -> Float[Array, " ratios"]:
    """Distance of each ratio from its mean, in standard deviations.

    Args:
        amplitude: of the members.
        priors: the constraints.
        floor: amplitude of each member that could just be seen; a denominator much smaller than that counts as that.
    """
    off, _ = _ratios(amplitude, priors, floor)
    return off * _counts(off, priors.ratio_side)


def ratio_slope(
    amplitude: Float[Array, " members"], priors: Priors, floor: Float[Array, " members"]
) -> Float[Array, "members ratios"]:
    """Derivative of `ratio_residual` in the amplitudes."""
    off, slope = _ratios(amplitude, priors, floor)
    return slope * _counts(off, priors.ratio_side)[None]


def value_residual(parameters: Parameters, priors: Priors) -> Float[Array, " values"]:
    """Distance of each constrained parameter from its mean, in standard deviations."""
    off = _values(parameters, priors)
    return off * _counts(off, priors.value_side)


def value_slope(
    parameters: Parameters, priors: Priors, in_rows: Callable[[Parameters], Float[Array, "n values"]]
) -> Float[Array, "n values"]:
    """Derivative of `value_residual`.

    Args:
        parameters: where.
        priors: the constraints.
        in_rows: from the derivative with respect to the named parameters, constraints last, to that wanted.
    """
    real = parameters.amplitude.dtype
    weights = jax.tree.map(lambda leaf: jnp.moveaxis(jnp.asarray(leaf, real), 0, -1), priors.weights)
    counts = _counts(_values(parameters, priors), priors.value_side) / jnp.asarray(priors.value_sd, real)
    return in_rows(weights) * counts[None]


def _ratios(amplitude: Array, priors: Priors, floor: Array) -> tuple[Array, Array]:
    """Distance of each ratio from its mean and its derivative, both sides counted."""
    real = amplitude.dtype
    above, below = jnp.asarray(priors.numerator, real), jnp.asarray(priors.denominator, real)
    hidden = jnp.sum((jnp.abs(below) * floor[None]) ** 2, axis=1)
    total = below @ amplitude
    size = jnp.sqrt(total**2 + hidden)
    ratio = (above @ amplitude) / size
    sd = jnp.asarray(priors.ratio_sd, real)
    slope = (above.T - (ratio * total / size)[None] * below.T) / (size * sd)[None]
    return (ratio - jnp.asarray(priors.ratio_mean, real)) / sd, slope


def _values(parameters: Parameters, priors: Priors) -> Array:
    real = parameters.amplitude.dtype
    total = jnp.zeros(priors.value_mean.shape, real)
    for field in fields(Parameters):
        leaf = getattr(parameters, field.name)
        weight = jnp.asarray(getattr(priors.weights, field.name), real)
        total = total + weight.reshape(-1, leaf.size) @ leaf.reshape(-1) if leaf.size else total
    return (total - jnp.asarray(priors.value_mean, real)) / jnp.asarray(priors.value_sd, real)


def _counts(off: Array, side: Any) -> Array:
    """1 where a constraint costs something, 0 on its free side."""
    sides = jnp.asarray(side, off.dtype)
    return jnp.where((sides == 0) | (sides * off > 0), 1.0, 0.0).astype(off.dtype)


def _amplitudes(weights: Weights, names: Sequence[str], label: str, needed: float) -> np.ndarray:
    missing = [name for name, _ in weights if name not in names]
    if (needed and missing) or len(missing) == len(weights):
        raise InputError(f"prior on {label}: the basis has no member {', '.join(missing)}; it has {', '.join(names)}")
    row = np.zeros(len(names))
    for name, weight in weights:
        if name in names:
            row[names.index(name)] += weight
    return row


def _value_weights(values: Sequence[ParameterPrior], names: Sequence[str], model: SignalModel) -> Parameters:
    """The weights of each constrained parameter, every field with one more, first axis."""
    sizes = {
        "amplitude": (len(model.groups),),
        "lorentzian_fwhm_hz": (model.n_groups,),
        "frequency_shift_hz": (model.n_groups,),
        "gaussian_variance_hz2": (model.n_shims,),
        "third_moment_hz3": (model.n_shims if model.lineshape.asymmetric else 0,),
        "lineshape": (model.lineshape.n_kernel,),
        "phase0_rad": (),
        "delay_s": (),
        "baseline": (len(model.baseline_roughness),),
    }
    rows: dict[str, Any] = {name: np.zeros((len(values), *size)) for name, size in sizes.items()}
    for row, value in enumerate(values):
        field = rows[value.quantity]
        if value.quantity in SCALARS:
            field[row] = 1.0
            continue
        if field.shape[1] == 0:
            raise InputError(f"prior on {value.label}: the model has no {value.quantity}")
        per_group = value.quantity in ("lorentzian_fwhm_hz", "frequency_shift_hz")
        groups = model.groups if per_group else model.shims
        for name, weight in ((value.member, 1.0), *((n, -w) for n, w in _unit(value.relative_to))):
            if name not in names:
                raise InputError(f"prior on {value.label}: the basis has no member {name}; it has {', '.join(names)}")
            field[row, groups[names.index(name)]] += weight
    return Parameters(**{name: jnp.asarray(leaf) for name, leaf in rows.items()})


def _unit(weights: Weights) -> Weights:
    total = sum(weight for _, weight in weights)
    return tuple((name, weight / total) for name, weight in weights)
