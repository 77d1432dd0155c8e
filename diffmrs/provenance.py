"""What a result was made with and from: versions, date, and fingerprints of the input files."""

import hashlib
import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    __version__ = version("diffmrs")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"


def versions() -> dict[str, str]:
    """Name and version of everything that decides the numbers."""
    return {
        "diffmrs": __version__,
        "jax": version("jax"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def now() -> str:
    """Local date and time with its offset from UTC, to the minute."""
    return datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder: that of the list of its files' names and sums, sorted by name."""
    if path.is_dir():
        listing = "".join(f"{sha256_of(file)}  {file.name}\n" for file in sorted(path.iterdir()) if file.is_file())
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
