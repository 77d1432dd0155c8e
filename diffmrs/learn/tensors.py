"""Named arrays and short texts in a safetensors file: read without running anything, written whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write

_MOST_BYTES = 4 * 2**30
_MOST_HEADER = 16 * 2**20


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, str]) -> None:
    """Write arrays and texts; complex arrays are kept as pairs of real numbers."""
    complex_names = [name for name, value in arrays.items() if np.iscomplexobj(value)]
    # Not ascontiguousarray, which makes vectors of single numbers.
    plain = {name: np.asarray(_real(np.asarray(value)), order="C") for name, value in arrays.items()}
    with atomic_write(path) as stream:
        stream.write(save(plain, {**meta, "complex": json.dumps(complex_names)}))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and texts of a file.

    Raises:
        InputError: the file is missing, too large, or not a safetensors file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise InputError(f"{path}: is {size / 2**30:.1f} GiB; a model has at most {_MOST_BYTES / 2**30:.0f} GiB")
    with path.open("rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
    if not 0 < header <= min(_MOST_HEADER, size - 8):
        raise InputError(f"{path}: is not a safetensors file")
    try:
        with safe_open(path, framework="numpy") as file:
            meta = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: is not a safetensors file that can be read ({error})") from None
    try:
        names = json.loads(meta.pop("complex", "[]"))
    except ValueError:
        raise InputError(f"{path}: is not a model of diffmrs") from None
    for name in names if isinstance(names, list) else ():
        if name in arrays and arrays[name].shape[-1:] == (2,) and arrays[name].dtype in (np.float32, np.float64):
            pairs = np.ascontiguousarray(arrays[name])
            arrays[name] = pairs.view(np.complex64 if pairs.dtype == np.float32 else np.complex128)[..., 0]
    return arrays, meta


def _real(value: np.ndarray) -> np.ndarray:
    if not np.iscomplexobj(value):
        return value
    return np.stack([value.real, value.imag], axis=-1)
