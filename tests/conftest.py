"""How every test runs: two CPU devices, strict ranks, checked shapes, and the reference data when it is there."""

import os
from pathlib import Path

# The tests compile much and compute little: without most of the optimisations they compile in two thirds of the time,
# and results move by a rounding error. CI runs the thorough ones as users get them, with DIFFMRS_TEST_STRICT=1.
if os.environ.get("DIFFMRS_TEST_STRICT", "0") != "1":
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import pytest
from jaxtyping import install_import_hook

# Both precisions are tested: CI runs the tests that are not slow once more with DIFFMRS_TEST_X64=1.
X64 = os.environ.get("DIFFMRS_TEST_X64", "0") == "1"
jax.config.update("jax_enable_x64", X64)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
# Tests that call the command in their own process would turn it on for all that follow, and share it among workers.
jax.config.update("jax_enable_compilation_cache", False)
# Looking at the type and shape of every argument takes an eighth of the time.
if X64 or os.environ.get("DIFFMRS_TEST_STRICT", "0") == "1":
    install_import_hook("diffmrs", "beartype.beartype")

DATA = Path(os.environ.get("DIFFMRS_DATA", Path(__file__).parents[2] / "shared" / "data"))

# Every compiled function holds several memory mappings, and the system grants a process 65530 of them: a worker that
# has run a few hundred tests would crash inside the compiler.
_MOST_MAPPINGS = 40_000
_MAPPINGS = Path("/proc/self/maps")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """Let go of compiled code before the system refuses to map more."""
    if _MAPPINGS.exists() and _MAPPINGS.read_bytes().count(b"\n") > _MOST_MAPPINGS:
        jax.clear_caches()


def pytest_configure(config):
    """Let pytest-xdist keep the order of the files."""
    config.option.loadscopereorder = False


# Files that take longest begin, or one worker would sit over them alone at the end.
_LONG = ("test_examples", "test_learn", "test_cli", "test_volume_command", "test_flags_measured", "test_posterior")


def pytest_collection_modifyitems(config, items):
    """Long files first; leave out the tests that compile for most of a minute, unless `-m` asks for them."""
    items.sort(key=lambda item: not item.path.name.startswith(_LONG))
    if "thorough" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file in one worker: most look at the same compiled functions and fits."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the measured reference data; the test is skipped, with the reason, when it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"reference data not found at {DATA}; set DIFFMRS_DATA to its folder")
    return DATA


@pytest.fixture
def x64():
    """Run one test in float64."""
    with jax.enable_x64(True):
        yield
