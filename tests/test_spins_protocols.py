"""The presets: every one is refocused, lasts as long as it says, and can be played."""

import re

import numpy as np
import pytest

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.spins import PROTOCOLS, Delay, protocol, simulate_basis


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_delays_add_up_to_the_echo_time(name):
    known = protocol(name)
    te = re.search(r"TE ([\d.]+)", known.timing)
    tm = re.search(r"TM ([\d.]+)", known.timing)
    expected = (float(te[1]) if te else 0.0) + (float(tm[1]) if tm else 0.0)
    for sequence in known.steps().values():
        total = sum(e.duration_s for e in sequence.events if isinstance(e, Delay))
        assert 1e3 * total == pytest.approx(expected)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_isolated_line_is_refocused(name):
    for sequence in protocol(name).steps().values():
        basis = simulate_basis(["Cr"], sequence, Acquisition(1 / 2000, 123.2), 16)
        np.testing.assert_allclose(basis.fid[0, 0], 5.0, atol=1e-4)


def test_an_edited_protocol_has_no_single_sequence():
    assert protocol("press-30-siemens").sequence.name == "PRESS"
    with pytest.raises(InputError, match="on, off"):
        _ = protocol("mega-press-68").sequence
    with pytest.raises(InputError, match="there are press-30-siemens"):
        protocol("press-31")
