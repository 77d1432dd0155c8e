"""Put a set of files into a folder all together at the end, or leave no trace."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffmrs.errors import InputError


@contextmanager
def staged_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder whose content moves into `target` when the block ends without an error.

    Files of the same name are replaced, others in `target` stay. It is made before the block runs, so that a
    folder that cannot be written is found out before the work and not after it.

    Args:
        target: the folder; made, with its parents, when it does not exist.

    Yields:
        The temporary folder.

    Raises:
        InputError: `target` is a file, cannot be made or written, or the disk is full.
    """
    folder = Path(target)
    made: list[Path] = []
    stage = folder / f".diffmrs.{secrets.token_hex(4)}.part"
    done = False
    try:
        _make_parents(stage, made)
        yield stage
        _move_into(stage, folder)
        done = True
    except OSError as error:
        elsewhere = error.filename is not None and folder not in Path(error.filename).parents
        if elsewhere and Path(error.filename) not in (folder, *folder.parents):
            raise
        raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for empty in reversed(made if not done else []):
            _remove_if_empty(empty)


def remove_left_stages(target: str | os.PathLike[str]) -> None:
    """Take away what a run left in a folder that was killed on the spot; nobody else may be at work there."""
    for left in Path(target).glob(".diffmrs." + "[0-9a-f]" * 8 + ".part"):
        shutil.rmtree(left, ignore_errors=True)


def _make_parents(stage: Path, made: list[Path]) -> None:
    """Make `stage` and the folders above it; those that did not exist are noted in `made`."""
    for folder in reversed(stage.parents):
        if not folder.exists():
            folder.mkdir()
            made.append(folder)
        elif not folder.is_dir():
            raise InputError(f"{folder}: is a file; give the name of a folder")
    stage.mkdir()


def _move_into(stage: Path, folder: Path) -> None:
    files = sorted(file for file in stage.rglob("*") if file.is_file())
    for file in files:
        blocked = folder / file.relative_to(stage)
        if blocked.is_dir():
            raise InputError(f"{blocked}: is a folder; a file of that name is to be written")
    for file in files:
        place = folder / file.relative_to(stage)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
