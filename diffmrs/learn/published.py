r"""The physics-informed decoders of Shamaei et al. 2023 (Comput Biol Med 158:106837): DQ-nMM, DQ-pMM and DQ-rpMM.

A network's outputs are amplitudes (through softplus), one shift, one damping and one phase; the decoder is the signal
model; the loss is the squared error of the reconstructed FID. Nothing else is known to it: no noise, no prior. What the
three differ in is the basis (macromolecules as one measured signal, or as lines with fixed widths) and, in rpMM, a
time learned per spectrum after which the metabolites alone must explain the data.

The shift of macromolecules has the sign of that of the metabolites (in the authors' code it has not).
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import InputSpec, network_input
from diffmrs.learn.losses import dropout_of
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, parameters_for, predict_fid
from diffmrs.model.split import Split, split
from diffmrs.pytree import container

_NUISANCES = 3  # shift, damping, phase
_LATE = 5.0  # the sigmoid of the time starts near zero
_SOFT_S2 = 1e-7  # square of the time over which the step at that time rises, s²
# Centre (ppm), width (Hz) and prior amplitude of the 18 macromolecular lines are the user's: `lines_basis`.


@container(static=("spec", "model", "n_metabolites", "late_weight"))
@dataclass(frozen=True)
class Reconstruction:
    """Squared error of the reconstructed FID, the first sample left out; per real number.

    Attributes:
        spec: what the network is fed.
        basis_fid: metabolites, then macromolecules. [members, points]
        model: all members in one group.
        n_metabolites: how many members come before the macromolecules.
        late_weight: weight λ on the time of the regularised form, 0 for the other two.
    """

    spec: InputSpec
    basis_fid: Split
    model: SignalModel
    n_metabolites: int
    late_weight: float = 0.0

    @property
    def n_outputs(self) -> int:
        """How many numbers the network has to give."""
        return len(self.model.groups) + _NUISANCES + (self.late_weight > 0)

    def parameters(self, outputs: Float[Array, " outputs"]) -> Parameters:
        """What a network's outputs mean. The damping is not kept from being negative, as published."""
        count = len(self.model.groups)
        shift_hz, damping_per_s, phase_rad = outputs[count : count + _NUISANCES]
        return parameters_for(
            self.model,
            jax.nn.softplus(outputs[:count]),
            frequency_shift_hz=shift_hz,
            lorentzian_fwhm_hz=damping_per_s / np.pi,
            phase0_rad=phase_rad,
        )

    def read(self, network: Any, fid: Complex[Array, "batch points"], key: Array | None = None) -> Array:
        """The network's outputs for FIDs. [batch, outputs]"""

        def signal(fid: Array) -> Array:
            return network_input(fid, jnp.ones((), fid.real.dtype), self.spec, self.model.acquisition).signal

        outputs: Array = network(jax.vmap(signal)(fid), rngs=dropout_of(key))
        return outputs

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch."""
        outputs = self.read(network, batch.fid, key)
        whole, late = jax.vmap(self._errors)(outputs, batch.fid)
        loss = jnp.mean(whole)
        metrics = {"reconstruction": loss}
        if self.late_weight > 0:
            time_s = self.start_of_late(outputs)
            loss = loss + 0.5 * (jnp.mean(late) + self.late_weight * jnp.mean(time_s))
            metrics |= {"late_start_s": jnp.mean(time_s)}
        if batch.parameters is not None:
            found = jax.vmap(self.parameters)(outputs).amplitude[:, : self.n_metabolites]
            truth = batch.parameters.amplitude[:, : self.n_metabolites]
            metrics |= {"relative_error": jnp.mean(jnp.abs(found - truth) / jnp.mean(truth, axis=0, keepdims=True))}
        return loss, metrics

    def start_of_late(self, outputs: Float[Array, "batch outputs"]) -> Float[Array, " batch"]:
        """The learned time of each spectrum after which metabolites alone are compared, s."""
        return jax.nn.sigmoid(outputs[:, -1] - _LATE)

    def _errors(self, outputs: Array, fid: Array) -> tuple[Array, Array]:
        parameters = self.parameters(outputs)
        used = fid[: self.model.n_points]
        if self.late_weight == 0:
            off = (predict_fid(parameters, self.basis_fid, self.model) - used)[1:]
            return jnp.mean(off.real**2 + off.imag**2) / 2, jnp.zeros((), fid.real.dtype)
        light = jnp.asarray(np.arange(len(self.model.groups)) < self.n_metabolites, parameters.amplitude.dtype)
        both = [
            predict_fid(_with_amplitude(parameters, parameters.amplitude * kept), self.basis_fid, self.model)
            for kept in (light, 1 - light)
        ]
        off = (both[0] + both[1] - used)[1:]
        start = self.start_of_late(outputs[None])[0]
        time_s = jnp.asarray(self.model.time_s, start.dtype)
        after = time_s - start
        step = 0.5 * (1 + after / jnp.sqrt(after**2 + _SOFT_S2))
        alone = ((both[0] - used) * step)[1:]
        return jnp.mean(off.real**2 + off.imag**2) / 2, jnp.mean(alone.real**2 + alone.imag**2) / 2


def reconstruction(
    basis: Basis, n_metabolites: int, *, unit: float, late_weight: float = 0.0, n_points: int | None = None
) -> Reconstruction:
    """The loss for a basis.

    Args:
        basis: metabolites, then macromolecules (one member: nMM; several lines: pMM).
        n_metabolites: how many come first.
        unit: what FIDs are divided by before the network sees them; the authors: 1.
        late_weight: λ of rpMM, 2 to 3; 0 for nMM and pMM.
        n_points: samples that are compared, the first ones; all of the basis by default.

    Raises:
        InputError: a number is out of range.
    """
    points = basis.n_points if n_points is None else n_points
    if not 16 <= points <= basis.n_points:
        raise InputError(f"n_points is {points}; it must be from 16 to {basis.n_points}, as many as the basis has")
    if not 1 <= n_metabolites <= len(basis.names):
        raise InputError(f"n_metabolites is {n_metabolites}, but the basis has {len(basis.names)} members")
    if not 0 <= late_weight < float("inf"):
        raise InputError(f"late_weight is {late_weight}; it must not be negative")
    members = (0,) * len(basis.names)
    model = SignalModel(basis.acquisition, points, (0, points), members, members, NoBaseline())
    fid = split(jnp.asarray(basis.fid)[:, :points])
    return Reconstruction(InputSpec("fid", points, unit=unit), fid, model, n_metabolites, late_weight)


def _with_amplitude(parameters: Parameters, amplitude: Array) -> Parameters:
    return replace(parameters, amplitude=amplitude)
