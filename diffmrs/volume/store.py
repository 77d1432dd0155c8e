"""Finished pieces of a long run on the disk, so that an interrupted one goes on where it stopped."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write

_PLAN = "plan.json"


class Store:
    """A folder with one file of arrays for each finished piece.

    What is there is used again only when it belongs to the same plan; anything else of ours in the folder is taken
    away first.

    Args:
        folder: made when it does not exist.
        plan: what the run is, as JSON: data, model, pieces.

    Raises:
        InputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self.folder = folder
        text = json.dumps(plan, indent=1, sort_keys=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept = folder / _PLAN
            self.resumed = kept.is_file() and kept.read_text() == text
            if not self.resumed:
                for old in folder.glob("piece_*.npz"):
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None
        with atomic_write(folder / _PLAN, text=True) as stream:
            stream.write(text)

    def has(self, piece: int | str) -> bool:
        """Whether a piece is finished."""
        return self._file(piece).is_file()

    def write(self, piece: int | str, arrays: dict[str, np.ndarray]) -> None:
        """Keep a finished piece, whole or not at all.

        Raises:
            InputError: it cannot be written, such as on a full disk.
        """
        with atomic_write(self._file(piece)) as stream:
            np.savez(stream, allow_pickle=False, **arrays)

    def read(self, piece: int | str, names: list[str] | None = None, prefix: str = "") -> dict[str, np.ndarray]:
        """Arrays of a finished piece; all, those named, or those whose names begin so."""
        with np.load(self._file(piece), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (names or arrays.files) if name.startswith(prefix)}

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, piece: int | str) -> Path:
        return self.folder / (f"piece_{piece:06d}.npz" if isinstance(piece, int) else f"piece_{piece}.npz")


def digest(*trees: Any) -> str:
    """A fingerprint of arrays and of whatever else has a faithful `repr`."""
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(trees):
        if isinstance(leaf, jax.Array | np.ndarray | np.generic):
            array = np.asarray(leaf)
            found.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        else:
            found.update(repr(leaf).encode())
    return found.hexdigest()


def check_room(folder: Path, wanted_bytes: float, what: str) -> None:
    """See whether a disk has room before hours are spent.

    Raises:
        InputError: it has not.
    """
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if os.access(place, os.W_OK) and free < wanted_bytes:
        raise InputError(
            f"{folder}: {what} will take about {wanted_bytes / 2**20:.0f} MiB, but only {free / 2**20:.0f} MiB are free"
        )
