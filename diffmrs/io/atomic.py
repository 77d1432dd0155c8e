"""Write a file whole or not at all: to a temporary name in the same folder, then one rename."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from diffmrs.errors import InputError


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, text: bool = False) -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; when the block ends without an error it takes the name `path`.

    Args:
        path: the file to write. An existing file is replaced only at the end.
        text: open for text (UTF-8, line feeds) instead of bytes.

    Raises:
        InputError: the folder does not exist or cannot be written, the name is a folder, or the disk is full.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise InputError(f"{target}: is a folder; give the name of a file")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        # "x" refuses to follow or overwrite anything that is already there; the umask decides the permissions.
        stream: IO[Any] = temporary.open("xt", encoding="utf-8", newline="\n") if text else temporary.open("xb")
    except OSError as error:
        raise InputError(f"{target}: cannot write into the folder {target.parent} ({error.strerror})") from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{target}: could not be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)
