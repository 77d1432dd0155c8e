"""Everything that training needs to go on exactly where it was, in one safetensors file: no pickle, written whole."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.learn.tensors import read_tensors, write_tensors

T = TypeVar("T")
_FORMAT = "diffmrs-checkpoint-1"


def write_checkpoint(path: Path, state: Any, settings: Any, history: Sequence[Any]) -> None:
    """Write a checkpoint in place of the last one.

    Args:
        path: file.
        state: tree of arrays.
        settings: dataclass of plain numbers; a run only goes on with the same ones.
        history: dataclasses of plain numbers.
    """
    meta = {
        "format": _FORMAT,
        "settings": json.dumps(asdict(settings)),
        "history": json.dumps([asdict(one) for one in history]),
    }
    write_tensors(path, _named(state), meta)


def read_checkpoint(path: Path, like: T, settings: Any, row: type) -> tuple[T, list[Any]]:
    """Read a checkpoint.

    Args:
        path: file.
        like: tree with the arrays that are expected, their shapes and types.
        settings: those of the run that wants to go on.
        row: class of the history.

    Raises:
        InputError: the file is no checkpoint, is broken, or one of another network or of other settings.
    """
    arrays, meta = read_tensors(path)
    if meta.get("format") != _FORMAT:
        raise InputError(f"{path}: is not a checkpoint of diffmrs train")
    told, rows = _parsed(path, meta, "settings", dict), _parsed(path, meta, "history", list)
    mine = json.loads(json.dumps(asdict(settings)))
    for name, value in mine.items():
        if told.get(name) != value:
            raise InputError(
                f"{path}: was written with {name} {told.get(name)}, but now it is {value}; use the same settings or "
                "another folder"
            )
    wanted = _named(like)
    if wanted.keys() != arrays.keys() or any(
        arrays[name].shape != leaf.shape or arrays[name].dtype != leaf.dtype for name, leaf in wanted.items()
    ):
        raise InputError(f"{path}: is a checkpoint of another network")
    if any(np.isnan(leaf).any() for leaf in arrays.values() if np.issubdtype(leaf.dtype, np.inexact)):
        raise InputError(f"{path}: holds numbers that are not numbers (NaN)")
    names = {field.name for field in fields(row)}
    if not all(isinstance(one, dict) and one.keys() == names for one in rows):
        raise InputError(f"{path}: its history is not one of diffmrs train")
    leaves = [jax.numpy.asarray(arrays[name]) for name in wanted]
    history = [row(**one) for one in rows]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), history


def _parsed(path: Path, meta: dict[str, str], name: str, wanted: type) -> Any:
    try:
        found = json.loads(meta.get(name, ""))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, wanted):
        raise InputError(f"{path}: its {name} cannot be read")
    return found


def _named(tree: Any) -> dict[str, np.ndarray]:
    leaves = jax.tree.leaves(tree)
    return {f"{k:05d}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
