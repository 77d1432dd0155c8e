"""Finished pieces of a long run on the disk, so that an interrupted one goes on where it stopped."""

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.volume.hosts import ALONE, Share

_PLAN = "plan.json"
_WORDS = {
    "diffmrs": "the version of diffmrs",
    "data": "the data or the mask",
    "model": "basis or model",
    "pieces": "the size of the chunks",
    "neighbours": "where fits start",
    "refined": "whether voxels are fitted together",
    "precision": "the precision",
    "identity": "options or files",
}


class Store:
    """A folder with one file of arrays for each finished piece.

    What is there is used again only when it belongs to the same plan; anything else of ours in the folder is taken
    away first.

    Args:
        folder: made when it does not exist.
        plan: what the run is, as JSON: data, model, pieces.
        share: of this process; all but the first wait until the first has prepared the folder.

    Attributes:
        resumed: whether the folder holds an earlier run of the same plan.
        changed: what was different in an earlier run that is of no use any more, in words; empty without one.

    Raises:
        InputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], share: Share = ALONE) -> None:
        self.folder, self.changed = folder, ""
        text = json.dumps(plan, indent=1, sort_keys=True).encode()
        kept = folder / _PLAN
        try:
            if not share.leads:
                share.wait_until(lambda: int(_content(kept) != text), f"folder of the same data and options ({folder})")
                self.resumed = True
                return
            folder.mkdir(parents=True, exist_ok=True)
            before = _content(kept)
            self.resumed = before == text
            if not self.resumed:
                self.changed = _difference(before, plan)
                kept.unlink(missing_ok=True)
                for old in (*folder.glob("piece_*.npz"), *folder.glob("*.rows")):
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None
        if not self.resumed:
            with atomic_write(kept) as stream:
                stream.write(text)

    def has(self, piece: int | str) -> bool:
        """Whether there is a file of a piece."""
        return self._file(piece).is_file()

    def whole(self, piece: int | str) -> dict[str, np.ndarray] | None:
        """The arrays of a piece; None where there is none or its file is damaged."""
        path = self._file(piece)
        if not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as packed:  # ours are not compressed: nothing here is larger than its file
                if any(entry.compress_type != zipfile.ZIP_STORED for entry in packed.infolist()):
                    return None
            return self.read(piece)
        except Exception:  # a damaged file may raise anything, and is no more than unfinished
            return None

    def discard(self, piece: int | str) -> None:
        """Take the file of a piece away."""
        with suppress(OSError):
            self._file(piece).unlink(missing_ok=True)

    def write(self, piece: int | str, arrays: dict[str, np.ndarray]) -> None:
        """Keep a finished piece, whole or not at all.

        Raises:
            InputError: it cannot be written, such as on a full disk.
        """
        packed = io.BytesIO()
        np.savez(packed, allow_pickle=False, **arrays)
        try:
            with atomic_write(self._file(piece)) as stream:
                stream.write(packed.getbuffer())
        except InputError as error:
            raise InputError(f"{error}; {kept_in_words(self.folder)}") from None

    def read(self, piece: int | str, names: list[str] | None = None, prefix: str = "") -> dict[str, np.ndarray]:
        """Arrays of a finished piece; all, those named, or those whose names begin so."""
        with np.load(self._file(piece), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (names or arrays.files) if name.startswith(prefix)}

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, piece: int | str) -> Path:
        return self.folder / (f"piece_{piece:06d}.npz" if isinstance(piece, int) else f"piece_{piece}.npz")


def kept_in_words(folder: Path) -> str:
    """What a run leaves behind that ends before its time."""
    kept = len(list(folder.glob("piece_[0-9]*.npz")))
    plural = "finished chunk is" if kept == 1 else "finished chunks are"
    return f"{kept} {plural} kept in {folder}: the same command goes on from there"


def _leaves(trees: tuple[Any, ...]) -> Iterator[Any]:
    for tree in trees:
        if isinstance(tree, Iterator):
            yield from tree
        else:
            yield from jax.tree.leaves(tree)


def digest(*trees: Any) -> str:
    """A fingerprint of arrays, of what else has a faithful `repr`, and of what iterators of arrays yield."""
    found = hashlib.sha256()
    for leaf in _leaves(trees):
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


def _content(file: Path) -> bytes:
    """Of a file; nothing where there is none."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""


def _difference(before: bytes, plan: dict[str, Any]) -> str:
    """How an earlier plan differs, in words."""
    if not before:
        return ""
    try:
        earlier = json.loads(before)
    except (ValueError, RecursionError):
        return "its plan is damaged"
    if not isinstance(earlier, dict):
        return "its plan is damaged"
    found = [words for name, words in _WORDS.items() if earlier.get(name) != plan.get(name)]
    return f"differs in {', '.join(found)}" if found else "its plan is damaged"
