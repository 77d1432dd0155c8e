"""Every sequence against an independent simulation with full matrices, and the events a user combines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spin_reference import Dense, random_system

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.spins import (
    CoherenceFilter,
    Delay,
    Metabolite,
    Pulse,
    Sequence,
    SpinGroup,
    editing_pulse,
    hermes,
    mega,
    mega_press,
    mega_slaser,
    press,
    pulse_acquire,
    simulate_basis,
    simulate_edited,
    slaser,
    special,
    spin_echo,
    spin_group,
    steam,
)

ACQUISITION = Acquisition(1 / 1000, 123.2)
POINTS = 48


def molecule(nu, j, name="X"):
    ppm = ACQUISITION.hz_to_ppm(np.asarray(nu))
    n = len(nu)
    return Metabolite(name, (SpinGroup(ppm, j, np.array(1.0), np.zeros((0, n)), tuple("abcdefgh"[:n])),))


def split(te, parts):
    return [te * part for part in parts]


BAND = (4.85, 0.25)  # ppm: cuts through the random systems


def press_steps(te1, te2):
    return [(90, 90), -1, te1 / 2, (180, 0), 1, (te1 + te2) / 2, (180, 0), -1, te2 / 2]


def mega_steps(te1, te2, *bands):
    half = (te1 + te2) / 2
    edit = [step for band in bands for step in [(180, 0, band)]]
    return [
        (90, 90), -1, te1 / 2, (180, 0), 1, half / 2, *edit, *([1] if edit else []), half / 2, (180, 0), -1,
        half / 2, *edit, *([-1] if edit else []), te2 / 2 - half / 2,
    ]  # fmt: skip


def slaser_steps(a, b, c, d, e):
    return [(90, 90), -1, a, (180, 0), 1, b, (180, 0), -1, c, (180, 0), 1, d, (180, 0), -1, e]


CASES = {
    "pulse-acquire": (pulse_acquire(acquisition_delay_s=1.5e-3), [(90, 90), -1, 1.5e-3]),
    "spin echo": (spin_echo(0.04), [(90, 90), 1, 0.02, (180, 0), -1, 0.02]),
    "SPECIAL": (special(0.0085), [(90, 90), 1, 0.00425, (180, 0), -1, 0.00425]),
    "PRESS": (press(0.011, 0.047), press_steps(0.011, 0.047)),
    "STEAM": (steam(0.02, 0.01), [(90, 90), 1, 0.01, (90, -90), 0, 0.01, (90, 90), -1, 0.01]),
    "sLASER": (slaser(0.06), slaser_steps(0.0075, 0.015, 0.015, 0.015, 0.0075)),
    "sLASER uneven": (
        slaser(intervals_s=(0.004, 0.009, 0.011, 0.01, 0.006)),
        slaser_steps(0.004, 0.009, 0.011, 0.01, 0.006),
    ),
    "MEGA-PRESS": (
        mega_press(0.016, 0.052, editing=Pulse(180.0, 0.0, BAND)),
        mega_steps(0.016, 0.052, BAND),
    ),
    "MEGA-PRESS off": (mega_press(0.016, 0.052, editing=None), press_steps(0.016, 0.052)),
    "HERMES a": (
        hermes(0.016, 0.064, bands_ppm=(4.9, 4.5), width_ppm=0.2)["a"],
        mega_steps(0.016, 0.064, (4.9, 0.2), (4.5, 0.2)),
    ),
    "MEGA-sLASER": (
        mega_slaser(0.08, editing=editing_pulse(BAND[0], width_ppm=BAND[1])),
        [
            (90, 90),
            -1,
            0.01,
            (180, 0),
            1,
            0.02,
            (180, 0),
            -1,
            0.005,
            (180, 0, BAND),
            -1,
            0.015,
            (180, 0),
            1,
            0.02,
            (180, 0),
            -1,
            0.005,
            (180, 0, BAND),
            -1,
            0.005,
        ],
    ),
    "by hand, many orders": (
        Sequence(
            (Pulse(73.0, 20.0), Delay(0.004), Pulse(110.0, -50.0), Delay(0.007), CoherenceFilter((-1, 0, 2)))
        ).then(Delay(0.003), Pulse(51.0), Delay(0.001)),
        [(73, 20), 0.004, (110, -50), 0.007, (-1, 0, 2), 0.003, (51, 0), 0.001],
    ),
}


def play(steps, nu, j):
    dense = Dense(nu, j)
    ppm = ACQUISITION.hz_to_ppm(np.asarray(nu))
    for step in steps:
        if isinstance(step, float):
            dense.delay(step)
        elif isinstance(step, int):
            dense.keep(step)
        elif isinstance(step, tuple) and len(step) == 3 and not isinstance(step[2], tuple):
            kept = []
            for order in step:
                copy = Dense(nu, j)
                copy.rho = dense.rho
                copy.keep(order)
                kept.append(copy.rho)
            dense.rho = sum(kept)
        else:
            band = step[2] if len(step) == 3 else None
            dense.pulse(step[0], step[1], None if band is None else np.abs(ppm - band[0]) <= band[1] / 2)
    return dense.fid(ACQUISITION.dwell_time_s, POINTS)


@pytest.mark.parametrize("name", CASES)
def test_against_full_matrices(name, x64):
    sequence, steps = CASES[name]
    systems = [random_system(n, seed=10 * n) for n in ((1, 2, 3, 4, 5) if name == "PRESS" else (5,))]
    basis = simulate_basis([molecule(nu, j, f"m{len(nu)}") for nu, j in systems], sequence, ACQUISITION, POINTS)
    for (nu, j), fid in zip(systems, np.asarray(basis.fid), strict=True):
        expected = play(steps, nu, j) * (2.0 if name == "STEAM" else 1.0)
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(fid, expected, atol=1e-10, rtol=0, err_msg=f"{len(nu)} spins")


@pytest.mark.parametrize(
    "sequence",
    [pulse_acquire(), spin_echo(0.03), press(0.011, 0.019), steam(0.02, 0.01), slaser(0.03), special(0.0085)],
    ids=lambda s: s.name,
)
def test_an_isolated_proton_has_amplitude_one(sequence):
    basis = simulate_basis(["Cr", "H2O"], sequence, ACQUISITION, 32)
    np.testing.assert_allclose(np.asarray(basis.fid[:, 0]), [5.0, 2.0], atol=1e-5)


def test_editing_on_gaba_leaves_its_line_at_three_ppm_and_cancels_creatine():
    acquisition = Acquisition(1 / 2000, 127.7)
    steps = mega(mega_press, 0.0126, 0.0554, on=editing_pulse(1.9), off=editing_pulse(7.5))
    bases = simulate_edited(["GABA", "Cr"], steps, acquisition, 2048, lorentzian_fwhm_hz=4.0)
    assert set(bases) == {"on", "off", "difference", "sum"}
    edited = np.abs(np.fft.fft(bases["difference"].fid[0]))
    three = np.abs(np.fft.fftfreq(2048, 1 / 2000) - acquisition.ppm_to_hz(3.01)) < 20
    assert edited[three].max() > 0.2 * np.abs(np.fft.fft(bases["sum"].fid[0])).max()
    assert np.abs(bases["difference"].fid[1]).max() < 1e-4
    np.testing.assert_allclose(bases["sum"].fid[1], 2 * bases["on"].fid[1], atol=1e-5)


def test_hermes_separates_what_its_two_bands_edit():
    acquisition = Acquisition(1 / 2000, 127.7)
    gaba_like = Metabolite("A", (spin_group([3.01, 1.89], {"1-2": 7.3}),))
    gsh_like = Metabolite("B", (spin_group([2.93, 4.56], {"1-2": 7.1}),))
    bases = simulate_edited([gaba_like, gsh_like], hermes(0.0126, 0.0674), acquisition, 64)
    power = {name: np.linalg.norm(np.asarray(bases[name].fid), axis=1) for name in ("gaba", "gsh")}
    assert power["gsh"][0] < 1e-4 < 1 < power["gaba"][0]
    assert power["gaba"][1] < 1e-4 < 1 < power["gsh"][1]


def test_b1_scale_multiplies_every_flip_angle(x64):
    nu, j = random_system(3, 5)
    basis = simulate_basis([molecule(nu, j)], pulse_acquire(), ACQUISITION, POINTS, b1_scale=0.7)
    np.testing.assert_allclose(basis.fid[0], play([(63.0, 90)], nu, j), atol=1e-10)


def test_frequency_offset_moves_every_line(x64):
    nu, j = random_system(3, 6)
    moved = simulate_basis([molecule(nu, j)], pulse_acquire(), ACQUISITION, POINTS, frequency_offset_hz=7.0)
    np.testing.assert_allclose(moved.fid[0], play([(90, 90)], nu + 7.0, j), atol=1e-10)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: press(0.011, -0.02), "ms"),
        (lambda: slaser(), "either te_s or intervals_s"),
        (lambda: slaser(intervals_s=(0.01, 0.01)), "5 delays"),
        (lambda: Sequence((Delay(-0.01),)), "at least 0"),
        (lambda: Sequence(("pulse",)), "not an event"),
        (lambda: mega_press(0.06, 0.008, editing=editing_pulse(1.9)), "time left"),
    ],
)
def test_what_cannot_be_played_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_traced_delays_are_taken_as_they_are():
    value = jax.jit(lambda te: simulate_basis(["Lac"], spin_echo(te), ACQUISITION, 16).fid)(jnp.float32(0.02))
    np.testing.assert_allclose(value, simulate_basis(["Lac"], spin_echo(0.02), ACQUISITION, 16).fid, atol=2e-4)
