"""A trained network in one safetensors file, with its basis, its population and what it was trained on. No pickle."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.encoders import spec_from_json, spec_to_json
from diffmrs.learn.encoders.registry import Encoder
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.protocol import Protocol, Ranges, assembled
from diffmrs.learn.quantifier import Quantifier
from diffmrs.learn.tensors import read_tensors, write_tensors
from diffmrs.provenance import __version__
from diffmrs.simulate import LogNormal

N = TypeVar("N", bound=nnx.Module)
_FORMAT = "diffmrs-quantifier-1"


@dataclass(frozen=True)
class Built:
    """How a network is built.

    Attributes:
        encoder: what reads the spectrum.
        flow_layers: of the posterior; 0 for a Gaussian.
    """

    encoder: Encoder
    flow_layers: int

    def network(self, protocol: Protocol, seed: int = 0) -> PosteriorNetwork:
        """An untrained one for a protocol."""
        shape = protocol.scene.spec.shape(protocol.model.acquisition, protocol.model.n_points)
        return PosteriorNetwork(self.encoder, shape, protocol.latent.size, nnx.Rngs(seed), flow_layers=self.flow_layers)


def save_quantifier(path: Path, quantifier: Quantifier, built: Built, ranges: Ranges, told: dict[str, Any]) -> None:
    """Write a trained network.

    Args:
        path: file.
        quantifier: what is saved.
        built: how its network was built.
        ranges: the population it was trained on.
        told: what else the file shall say: how it was trained. Plain values.

    Raises:
        InputError: the file cannot be written.
    """
    latent, basis = quantifier.protocol.latent, quantifier.basis
    margin, gain = latent.population.amplitude, latent.gain
    assert isinstance(margin, LogNormal) and gain is not None
    arrays = {f"network/{name}": value for name, value in flat_arrays(quantifier.network).items()}
    arrays |= {
        "basis": np.asarray(basis.fid, np.complex64),
        "amplitude_median": np.asarray(margin.median),
        "amplitude_log_sd": np.asarray(margin.log_sd),
    }
    model = quantifier.protocol.model
    facts = {
        "acquisition": asdict(basis.acquisition),
        "names": basis.names,
        "ppm_range": quantifier.protocol.scene.spec.ppm_range,
        "ranges": asdict(ranges),
        "gain": [float(gain.median), float(gain.log_sd)],
        "encoder": spec_to_json(built.encoder),
        "flow_layers": built.flow_layers,
        "limits": quantifier.limits,
        "echo_time_s": quantifier.echo_time_s,
        "n_points": model.n_points,
        "diffmrs": __version__,
        "told": told,
    }
    write_tensors(path, arrays, {"format": _FORMAT, "facts": json.dumps(facts)})


def load_quantifier(path: Path, *, steps: int | None = 2) -> Quantifier:
    """Read a trained network.

    Args:
        path: from `save_quantifier`.
        steps: trial steps of the fit that begin at its answer; 0 for none, None for all.

    Raises:
        InputError: the file is not such a network, or damaged.
    """
    arrays, meta = read_tensors(path)
    if meta.get("format") != _FORMAT:
        raise InputError(f"{path}: is not a network of diffmrs train")
    try:
        facts = json.loads(meta["facts"])
        basis = Basis(
            arrays["basis"], Acquisition(**facts["acquisition"]), tuple(map(str, facts["names"])), str(path.name)
        )
        ranges = Ranges(**{name: _tupled(value) for name, value in facts["ranges"].items()})
        amplitude = LogNormal(arrays["amplitude_median"], arrays["amplitude_log_sd"])
        gain = LogNormal(*(float(value) for value in facts["gain"]))
        low, high = (float(limit) for limit in facts["ppm_range"])
        built = Built(spec_from_json(facts["encoder"]), int(facts["flow_layers"]))
        misfit, distance = (float(limit) for limit in facts["limits"])
        echo_time_s = None if facts["echo_time_s"] is None else float(facts["echo_time_s"])
        network_arrays = {name[8:]: value for name, value in arrays.items() if name.startswith("network/")}
        sound = all(np.isfinite(value).all() for value in arrays.values() if value.dtype.kind in "fc")
        if not sound or amplitude.median.shape != (len(basis.names),) or not 0 <= built.flow_layers <= 64:
            raise ValueError("numbers that are not finite, or of another shape")
        protocol = assembled(basis, (low, high), ranges, amplitude, gain)
        network = with_arrays(built.network(protocol), network_arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is damaged, or not a network of this version of diffmrs ({error})") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Quantifier(network, protocol, basis, (misfit, distance), steps, echo_time_s)


def with_steps(quantifier: Quantifier, steps: int | None) -> Quantifier:
    """The same network with another number of steps after it."""
    return replace(quantifier, steps=steps)


def flat_arrays(network: nnx.Module) -> dict[str, np.ndarray]:
    """Arrays of a network by their path."""
    leaves = jax.tree_util.tree_leaves_with_path(nnx.to_pure_dict(nnx.state(network)))
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}


def with_arrays(network: N, arrays: dict[str, np.ndarray]) -> N:
    """A network with other numbers.

    Raises:
        ValueError: they are not those of its layers.
    """
    wanted = flat_arrays(network)
    if wanted.keys() != arrays.keys():
        raise ValueError("other layers than those that are described")
    for name, value in wanted.items():
        if value.shape != arrays[name].shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, expected {value.shape}")
    state = nnx.state(network)
    pure = nnx.to_pure_dict(state)
    leaves = [jax.numpy.asarray(arrays[name], wanted[name].dtype) for name in wanted]
    nnx.replace_by_pure_dict(state, jax.tree.unflatten(jax.tree.structure(pure), leaves))
    nnx.update(network, state)
    return network


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
