"""A trained preset: what it says about FIDs, and its file."""

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.isolated import amplitudes_of_areas
from diffmrs.learn.presets.preset import SIZES, Preset, preset_of
from diffmrs.learn.saved import flat_arrays, with_arrays
from diffmrs.learn.tensors import read_tensors, write_tensors
from diffmrs.learn.uncertain import mean_and_variance
from diffmrs.learn.view import View
from diffmrs.provenance import __version__

_FORMAT = "diffmrs-preset-1"
_AT_ONCE = 256


@dataclass(frozen=True)
class PresetModel:
    """An estimator of amplitudes, trained as a preset says.

    Attributes:
        preset: what it was trained on.
        network: the trained network.
        view: what it is fed, and the sampling that FIDs must have.
        names: of the amplitudes, in their order.
        n_points: samples of a FID that count, the first ones.
        mean: of each amplitude in training. [members]
        sd: of each. [members]
        areas: what turns areas into amplitudes, for a network that makes spectra. [members]
    """

    preset: Preset
    network: nnx.Module
    view: View
    names: tuple[str, ...]
    n_points: int
    mean: np.ndarray
    sd: np.ndarray
    areas: np.ndarray | None = None

    def quantify(self, fids: Any, noise_sd: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Amplitudes of FIDs in the preset's sampling, in units of the basis.

        Args:
            fids: complex. [spectra, points]
            noise_sd: of the real part of each spectrum; only for inputs with a noise channel. [spectra]

        Returns:
            Amplitudes, NaN for FIDs that cannot be used, and their standard deviations where the network tells them.
            [spectra, members]

        Raises:
            InputError: the FIDs are too short, or no complex table.
        """
        found = np.asarray(fids)
        if found.ndim != 2 or not np.iscomplexobj(found) or found.shape[1] < self.n_points:
            raise InputError(
                f"FIDs have the shape {found.shape} and the type {found.dtype}; they must be complex [spectra, "
                f"points], with at least {self.n_points} points"
            )
        noise = np.zeros(len(found), np.float32) if noise_sd is None else np.asarray(noise_sd, np.float32)
        graph, state = nnx.split(self.network)
        parts = []
        for begin in range(0, len(found), _AT_ONCE):
            which = np.minimum(np.arange(begin, begin + min(_AT_ONCE, len(found))), len(found) - 1)
            piece = jnp.asarray(found[which, : self.n_points], jnp.complex64)
            parts.append(np.asarray(_outputs(state, piece, jnp.asarray(noise[which]), graph, self.view)))
        outputs = np.concatenate(parts)[: len(found)] if parts else np.zeros((0, len(self.names)), np.float32)
        if self.areas is not None:
            return np.asarray(amplitudes_of_areas(jnp.asarray(outputs), jnp.asarray(self.areas))), None
        amplitude, variance = mean_and_variance(jnp.asarray(outputs), jnp.asarray(self.mean), jnp.asarray(self.sd))
        told = self.preset.loss == "heteroscedastic"
        return np.asarray(amplitude), np.sqrt(np.asarray(variance)) if told else None


@partial(jax.jit, static_argnames=("graph", "view"))
def _outputs(state: Any, fids: Array, noise_sd: Array, graph: Any, view: View) -> Array:
    seen = jax.vmap(view.see)(Example(fids, noise_sd))
    outputs = nnx.merge(graph, state)(seen.signal)
    if outputs.ndim == 3:  # spectra of the members
        outputs = jnp.sum(outputs, axis=1)
    return jnp.where(seen.usable[:, None], outputs, jnp.nan)


def save_preset_model(path: Path, model: PresetModel, told: dict[str, Any]) -> None:
    """Write a trained preset as one safetensors file.

    Args:
        path: file.
        model: what is saved.
        told: what else the file shall say: how it was trained. Plain values.

    Raises:
        InputError: the file cannot be written.
    """
    arrays = {f"network/{name}": value for name, value in flat_arrays(model.network).items()}
    arrays |= {"mean": np.asarray(model.mean), "sd": np.asarray(model.sd)}
    arrays |= {} if model.areas is None else {"areas": np.asarray(model.areas)}
    facts = {
        "preset": model.preset.tables,
        "size": model.preset.size,
        "recipe": asdict(model.preset.recipe),
        "acquisition": asdict(model.view.acquisition),
        "names": model.names,
        "n_points": model.n_points,
        "unit": float(model.view.spec.unit),  # type: ignore[attr-defined]
        "diffmrs": __version__,
        "told": told,
    }
    write_tensors(path, arrays, {"format": _FORMAT, "facts": json.dumps(facts)})


def read_preset_model(path: Path) -> PresetModel:
    """Read a trained preset. Nothing of the file is run.

    Raises:
        InputError: the file is not such a network, or damaged.
    """
    from diffmrs.learn.presets.build import untrained

    arrays, meta = read_tensors(path)
    if meta.get("format") != _FORMAT:
        raise InputError(f"{path}: is not a network of diffmrs train --preset")
    try:
        facts = json.loads(meta["facts"])
        if facts["size"] not in SIZES or not isinstance(facts["preset"], dict):
            raise ValueError("no preset of a known size")
        preset = preset_of(facts["preset"], facts["size"], "preset")
        names, points = tuple(map(str, facts["names"])), int(facts["n_points"])
        spec = replace(preset.representation, unit=float(facts["unit"]))  # type: ignore[type-var]
        view = View(spec, Acquisition(**facts["acquisition"]))
        told = {name: arrays[name] for name in ("mean", "sd", *(["areas"] if "areas" in arrays else []))}
        sound = all(np.isfinite(value).all() for value in arrays.values() if value.dtype.kind in "fc")
        if not sound or any(value.shape != (len(names),) for value in told.values()) or not 16 <= points <= 2**20:
            raise ValueError("numbers that are not finite, or of another shape")
        if (preset.loss == "isolated") != ("areas" in told):
            raise ValueError("areas that do not go with the loss")
        own = {name[8:]: value for name, value in arrays.items() if name.startswith("network/")}
        network = with_arrays(untrained(preset, view, points, len(names)), own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"{path}: is damaged, or not a network of this version of diffmrs ({error})") from None
    return PresetModel(preset, network, view, names, points, **told)
