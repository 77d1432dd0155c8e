"""Samples that stay on the disk: uncompressed files are mapped into memory, compressed ones unpacked first."""

import gzip
import math
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from diffmrs.errors import InputError

_STEP_BYTES = 4 * 2**20


def map_samples(path: Path, offset: int, dtype: np.dtype, shape: tuple[int, ...], scratch: Path | None) -> np.memmap:
    """The samples of an image file as an array on the disk, the first axis running fastest.

    Args:
        path: the file; compressed when its name ends in `.gz`.
        offset: where the samples begin, bytes, uncompressed.
        dtype: their type, with its byte order.
        shape: of the array.
        scratch: folder for what is unpacked. It is gone from there when the array is no longer used.

    Raises:
        InputError: the file is damaged or too short, or there is no room to unpack it.
    """
    wanted = math.prod(int(size) for size in shape) * dtype.itemsize
    if not path.name.lower().endswith(".gz"):
        held = path.stat().st_size - offset
        if held < wanted:
            raise InputError(
                f"{path}: the data are damaged or incomplete ({held} bytes of samples; the header claims {wanted})"
            )
        return np.memmap(path, dtype, "r", offset, shape, "F")
    if scratch is None:
        raise InputError(f"{path}: is compressed and cannot be mapped; give a folder to unpack it to as scratch")
    _check_room(path, scratch, wanted)
    try:
        # A file without a name: it is gone with the process, however that ends.
        stream = tempfile.TemporaryFile(dir=scratch, prefix=".diffmrs_unpacked_")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{scratch}: cannot be written ({error.strerror or error})") from None
    with stream:
        _unpack(path, offset, wanted, stream, scratch)
        return np.memmap(stream, dtype, "r", 0, shape, "F")  # the map keeps the file alive


def _check_room(path: Path, scratch: Path, wanted: int) -> None:
    free = shutil.disk_usage(scratch).free
    if free < wanted:
        raise InputError(
            f"{scratch}: {path.name} unpacked takes {wanted / 2**20:.0f} MiB, but only {free / 2**20:.0f} MiB are free"
        )


def _unpack(path: Path, offset: int, wanted: int, stream: IO[Any], scratch: Path) -> None:
    """Copy that many bytes, and read to the end of the file for its checksum."""
    with gzip.open(path) as packed:
        _copy(packed, offset, None, path, scratch)
        _copy(packed, wanted, stream, path, scratch)
        while _some(packed, path):
            pass


def _copy(packed: Any, count: int, stream: IO[Any] | None, path: Path, scratch: Path) -> None:
    while count:
        step = _some(packed, path, min(count, _STEP_BYTES))
        if not step:
            raise InputError(f"{path}: the data are damaged or incomplete (the file ends before the samples do)")
        count -= len(step)
        try:
            if stream is not None:
                stream.write(step)
                stream.flush()
        except OSError as error:
            raise InputError(f"{scratch}: {path.name} cannot be unpacked ({error.strerror or error})") from None


def _some(packed: Any, path: Path, count: int = _STEP_BYTES) -> bytes:
    try:
        return bytes(packed.read(count))
    except (OSError, EOFError, zlib.error) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: the data are damaged or incomplete ({told})") from None
