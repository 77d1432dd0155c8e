"""Keep compiled code between runs, so that the second run of a command starts at once."""

import hashlib
import os
import platform
import secrets
from importlib.metadata import version
from pathlib import Path

_SHORTEST_S = 0.0  # keep all: with those under 0.2 s left out, a second fit spent 0.6 s compiling instead of 0.14 s


def use_compile_cache() -> Path | None:
    """Tell JAX to keep what it compiles in the user's cache folder. Only the command line calls this.

    Returns:
        The folder, or None when it cannot be written; then everything works, only slower.
    """
    import jax
    from platformdirs import user_cache_dir

    folder = Path(user_cache_dir("diffmrs", appauthor=False)) / "xla" / _machine_type()
    if not _is_writable(folder):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _SHORTEST_S)
    return folder


def _machine_type() -> str:
    """Name of what compiled code depends on. A cache folder may be shared by machines of several kinds."""
    features = hashlib.sha256(_cpu_features().encode()).hexdigest()[:12]
    return f"{platform.machine()}-jax{version('jax')}-jaxlib{version('jaxlib')}-{features}"


def _cpu_features() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return f"{platform.processor()} {platform.version()}"
    return next((line for line in lines if line.lower().startswith(("flags", "features"))), platform.processor())


def _is_writable(folder: Path) -> bool:
    probe = folder / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
