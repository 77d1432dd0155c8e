"""What a result was made with and from: versions, date, and fingerprints of the input files."""

import hashlib
import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def diffmrs_version() -> str:
    """Version of this library; "unknown" when it runs from a folder without being installed."""
    try:
        return version("diffmrs")
    except PackageNotFoundError:
        return "unknown"


def versions() -> dict[str, str]:
    """Name and version of everything that decides the numbers."""
    return {
        "diffmrs": diffmrs_version(),
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
