import pkgutil
from pathlib import Path

import pytest

import diffmrs

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", diffmrs.__all__)
def test_every_public_name_is_there(name):
    assert getattr(diffmrs, name) is not None
    assert name in dir(diffmrs)


def test_no_module_has_the_name_of_a_public_function():
    """Importing such a module would put it in the place of the function."""
    modules = {module.name for module in pkgutil.iter_modules([str(ROOT / "diffmrs")])}
    assert modules.isdisjoint(diffmrs.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = diffmrs.nothing
