"""Read a text file, plain or gzipped, with a limit on its size, and numbers as older programs print them."""

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from diffmrs.errors import InputError

MAX_TEXT_BYTES = 256 * 1024**2  # the largest public basis set is 8 MB; beyond this the file is no spectrum


def read_bytes(path: str | os.PathLike[str], *, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Content of a file, decompressed when it is gzipped (decided by its first two bytes, not by its name).

    Raises:
        InputError: missing, unreadable, damaged, empty, or larger than `max_bytes` once decompressed.
    """
    file = Path(path)
    if not file.exists():
        raise InputError(f"{file}: no such file")
    if file.is_dir():
        raise InputError(f"{file}: is a folder, not a file")
    try:
        with file.open("rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            source = gzip.GzipFile(fileobj=stream) if zipped else stream
            content = source.read(max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file}: damaged or incomplete gzip file ({error})") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from None
    if not content:
        raise InputError(f"{file}: the file is empty")
    if len(content) > max_bytes:
        raise InputError(f"{file}: holds more than {max_bytes // 1024**2} MiB; this is not a spectrum in text form")
    return content


def read_text(path: str | os.PathLike[str], *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Text of a file with line feeds only; bytes that are not UTF-8 (old patient names) are read as Latin-1.

    Raises:
        InputError: as `read_bytes`, or the file is binary.
    """
    content = read_bytes(path, max_bytes=max_bytes)
    if b"\x00" in content[:4096]:
        raise InputError(f"{path}: is a binary file; text was expected")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def undo_single_precision(value: float) -> float:
    """The decimal number of at most seven digits that a single-precision `value` stands for, else `value` itself.

    LCModel and NIfTI-1 hold the dwell time in 32 bits: 0.00025 s comes back as 0.000250000012 s. The two are the
    same number there, and only the first one equals the dwell time of other files.
    """
    if not 1e-30 < abs(value) < 1e30:  # zero, no number, or beyond 32 bits
        return value
    single = np.float32(value)
    if abs(float(single) / value - 1) > 3e-9:
        return value
    short = float(str(single))
    return short if len(f"{short:.8g}".split("e")[0].replace(".", "").strip("-0")) <= 7 else value
