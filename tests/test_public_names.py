import subprocess
import sys
from pathlib import Path

import pytest

import diffmrs

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", diffmrs.__all__)
def test_every_public_name_is_there(name):
    assert getattr(diffmrs, name) is not None
    assert name in dir(diffmrs)


@pytest.mark.parametrize("name", ["fit", "resample"])
@pytest.mark.parametrize("before", ["", "import diffmrs.fitting.engine, diffmrs.resample, diffmrs.plot; "])
def test_a_function_is_not_replaced_by_the_module_of_its_name(name, before):
    code = f"{before}import diffmrs; from diffmrs import {name}; assert callable({name}) and diffmrs.{name} is {name}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = diffmrs.nothing
