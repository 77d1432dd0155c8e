"""What all voxels share: fixed choices, hashable, and arrays."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex, Float

from diffmrs.fitting import Bounds, LevenbergMarquardt
from diffmrs.fitting.coordinates import bounds_of
from diffmrs.fitting.estimate import banded
from diffmrs.fitting.problem import Problem
from diffmrs.model.baseline import SplineBaseline
from diffmrs.model.signal import SignalModel
from diffmrs.model.split import Split
from diffmrs.priors.priors import Priors


@dataclass(frozen=True)
class Setting:
    """Fixed choices; static under `jit`.

    Attributes:
        model: as fitted, not banded.
        bounds: where the answer may lie.
        optimiser: of single voxels; its tolerance is that of the image.
        max_steps: of all voxels together.
        inflate: whether uncertainties grow by the residual over the noise.
        mesh: devices.
    """

    model: SignalModel
    bounds: Bounds
    optimiser: LevenbergMarquardt
    max_steps: int
    inflate: bool
    mesh: Mesh | None

    @property
    def narrow(self) -> SignalModel:
        """The model for the window."""
        return banded(self.model, self.bounds)

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound of each parameter."""
        return bounds_of(self.narrow, self.bounds)

    @property
    def candidates(self) -> np.ndarray:
        """Values of the baseline's stiffness that the data may choose from."""
        model = self.narrow
        if isinstance(model.baseline, SplineBaseline):
            return model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
        return np.zeros(1)


class Own(NamedTuple):
    """What is a voxel's own, or those of all voxels with one more axis in front."""

    spectrum: Complex[Array, "*voxels window"]  # in units of the noise
    stiffness: Float[Array, "*voxels"]
    misfit: Float[Array, "*voxels"]


class Shared(NamedTuple):
    """What all voxels see whole."""

    basis_fid: Split
    priors: Priors
    floor: Float[Array, " members"]


def problem_of(own: Own, shared: Shared) -> Problem:
    """The least-squares problem of one voxel."""
    return Problem(own.spectrum, shared.basis_fid, shared.priors, shared.floor, own.stiffness, own.misfit)


def free_of_bounds(x: Array, pull: Array, setting: Setting) -> Float[Array, "*voxels n"]:
    """1 for parameters that may move, 0 for those that the gradient holds at a bound."""
    lower, upper = setting.limits
    shape = (1,) * (x.ndim - 1) + (-1,)
    low, high = lower.reshape(shape), upper.reshape(shape)
    held = ((x <= low) & (pull > 0)) | ((x >= high) & (pull < 0))
    return jax.numpy.where(held, 0.0, 1.0).astype(x.dtype)
