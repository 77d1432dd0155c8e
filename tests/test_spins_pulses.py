"""Radio-frequency pulses: what they do to a spin, and the files of the vendors."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.errors import InputError
from diffmrs.spins.pulses import (
    calibrated,
    excitation_profile,
    foci_pulse,
    gaussian_pulse,
    goia_wurst_pulse,
    hyperbolic_secant_pulse,
    inversion_profile,
    plot_profile,
    plot_pulse,
    read_pulse,
    refocusing_profile,
    sinc_pulse,
    slr_pulse,
)

ADIABATIC = {
    "hyperbolic secant": (hyperbolic_secant_pulse, (4e-3, 3000.0, 1400.0)),
    "FOCI": (foci_pulse, (4e-3, 10000.0, 1300.0)),
    "GOIA-WURST": (goia_wurst_pulse, (3.5e-3, 20000.0, 900.0)),
}


@pytest.mark.parametrize("design", [sinc_pulse, gaussian_pulse])
@pytest.mark.parametrize("flip", [30.0, 90.0, 180.0])
def test_flip_angle_on_resonance(design, flip):
    pulse = design(3e-3, flip)
    assert inversion_profile(pulse, 0.0)[0] == pytest.approx(np.cos(np.deg2rad(flip)), abs=1e-5)
    # A pulse along x turns Mz towards -My.
    np.testing.assert_allclose(excitation_profile(pulse, 0.0)[0], -1j * np.sin(np.deg2rad(flip)), atol=1e-5)


def test_twice_the_amplitude_is_twice_the_angle():
    assert inversion_profile(sinc_pulse(3e-3, 90.0), 0.0, b1_scale=2.0)[0] == pytest.approx(-1.0, abs=1e-5)
    assert inversion_profile(sinc_pulse(3e-3, 90.0).scaled(2.0), 0.0)[0] == pytest.approx(-1.0, abs=1e-5)


@pytest.mark.parametrize("name", ADIABATIC)
def test_an_adiabatic_pulse_inverts_its_band_whatever_b1(name):
    design, arguments = ADIABATIC[name]
    pulse = design(*arguments)
    band = np.linspace(-0.35, 0.35, 41) * pulse.bandwidth_hz
    for scale in (1.0, 1.3):
        assert np.max(inversion_profile(pulse, band, b1_scale=scale, along_slice=True)) < -0.9
    outside = np.array([-0.75, 0.75]) * pulse.bandwidth_hz
    assert np.min(inversion_profile(pulse, outside, along_slice=True)) > 0.9


def test_modulated_gradients_have_full_strength_at_the_ends():
    for design, arguments in (ADIABATIC["FOCI"], ADIABATIC["GOIA-WURST"]):
        gradient = design(*arguments).gradient
        assert gradient.max() == pytest.approx(1.0, abs=1e-3)
        assert gradient[gradient.size // 2] == pytest.approx(0.1, abs=0.01)


def test_bandwidth_is_where_the_profile_is_half():
    pulse = sinc_pulse(2.6e-3, 90.0)
    edges = np.abs(np.asarray(excitation_profile(pulse, np.array([-0.5, 0.5]) * pulse.bandwidth_hz)))
    np.testing.assert_allclose(edges, 0.5, atol=0.03)
    edge = refocusing_profile(sinc_pulse(5e-3, 180.0), sinc_pulse(5e-3, 180.0).bandwidth_hz / 2)
    assert abs(edge[0]) == pytest.approx(0.5, abs=0.03)


def test_profiles_can_be_differentiated():
    pulse = sinc_pulse(3e-3, 90.0)
    slope = jax.grad(lambda scale: inversion_profile(pulse, jnp.zeros(1), b1_scale=scale)[0])(jnp.asarray(1.0))
    assert slope == pytest.approx(-np.pi / 2, rel=1e-4)


def test_vendor_files_hold_the_same_pulse(tmp_path):
    rng = np.random.default_rng(1)
    amplitude = rng.uniform(0.1, 1.0, 32)
    amplitude /= amplitude.max()
    phase = rng.uniform(0, 180, 32)
    pta = "PULSENAME: a\nREFGRAD: 1.0\nAMPINT: 5.0\n\n"
    pta += "".join(
        f"{a:.9f}\t{np.deg2rad(p):.9f}\t; ({i})\n" for i, (a, p) in enumerate(zip(amplitude, phase, strict=True))
    )
    rf = "# TYPE selective\n# MODULATION amplitude\n" + "".join(
        f"{p:.7f} {1023 * a:.7f} 2.0 1\n" for a, p in zip(amplitude, phase, strict=True)
    )
    bruker = "##TITLE= a\n##$SHAPE_TOTROT= 9.0E01\n##NPOINTS= 32\n##XYPOINTS= (XY..XY)\n" + "".join(
        f"{100 * a:.7e}, {p:.7e}\n" for a, p in zip(amplitude, phase, strict=True)
    ) + "##END=\n"  # fmt: skip
    expected = calibrated(amplitude * np.exp(1j * np.deg2rad(phase)), 2e-3, peak_b1_hz=800.0, bandwidth_hz=1000.0)
    for name, text, repeat in (("a.pta", pta, 1), ("a.RF", rf, 2), ("spnam", bruker, 1)):
        (tmp_path / name).write_text(text)
        pulse = read_pulse(tmp_path / name, 2e-3, peak_b1_hz=800.0, bandwidth_hz=1000.0)
        np.testing.assert_allclose(pulse.b1_hz, np.repeat(expected.b1_hz, repeat), atol=1e-3, err_msg=name)
        assert pulse.duration_s == 2e-3


@pytest.mark.parametrize(
    ("text", "message"), [("hello", "neither"), ("PULSENAME: a\n", "at least 4"), ("# nothing\n", "at least 4")]
)
def test_a_file_without_a_pulse_is_refused(tmp_path, text, message):
    (tmp_path / "x").write_text(text)
    with pytest.raises(InputError, match=message):
        read_pulse(tmp_path / "x", 1e-3, flip_deg=90.0)
    with pytest.raises(InputError, match="cannot be read"):
        read_pulse(tmp_path / "absent", 1e-3, flip_deg=90.0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: calibrated(np.ones(8), 1e-3), "either flip_deg or peak_b1_hz"),
        (lambda: calibrated(np.array([1.0, -1.0]), 1e-3, flip_deg=90.0), "no net area"),
        (lambda: calibrated(np.zeros(8), 1e-3, flip_deg=90.0), "no usable samples"),
        (lambda: gaussian_pulse(1e-3, 90.0, truncation=2.0), "truncation"),
        (lambda: sinc_pulse(1e-3, 90.0, steps=1), "at least 4"),
        (lambda: foci_pulse(1e-3, 1e3, 1e3, factor=0.5), "at least 1"),
        (lambda: goia_wurst_pulse(1e-3, 1e3, 1e3, gradient_depth=1.0), "below 1"),
        (lambda: sinc_pulse(2.0, 90.0), "shorter than 1 s"),
    ],
)
def test_errors_say_what_is_allowed(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_figures_draw_on_the_axes_they_are_given():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot_profile(sinc_pulse(3e-3, 90.0), ax) is ax
    assert len(ax.lines) == 3
    assert plot_pulse(goia_wurst_pulse(3.5e-3, 20000.0, 900.0)).lines


@pytest.mark.parametrize(("kind", "product"), [("excitation", 8.0), ("refocusing", 6.0), ("inversion", 8.0)])
def test_an_slr_pulse_acts_in_its_band_and_nowhere_else(kind, product):
    pytest.importorskip("sigpy")
    duration = 5e-3
    pulse = slr_pulse(duration, kind, time_bandwidth=product)
    assert pulse.bandwidth_hz == pytest.approx(product / duration, rel=0.2)
    inside, outside = (
        np.linspace(-0.2, 0.2, 9) * pulse.bandwidth_hz,
        np.array([-2.0, -1.2, 1.2, 2.0]) * product / duration,
    )
    if kind == "excitation":
        assert np.min(np.abs(excitation_profile(pulse, inside))) > 0.97
        assert np.max(np.abs(excitation_profile(pulse, outside))) < 0.03
    elif kind == "refocusing":
        assert np.min(np.abs(refocusing_profile(pulse, inside))) > 0.97
        assert np.max(np.abs(refocusing_profile(pulse, outside))) < 0.03
    else:
        assert np.max(inversion_profile(pulse, inside)) < -0.95
        assert np.min(inversion_profile(pulse, outside)) > 0.95


def test_slr_without_sigpy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigpy.mri.rf.slr", None)
    with pytest.raises(InputError, match=r"diffmrs\[pulses\]"):
        slr_pulse(5e-3, "refocusing")
    with pytest.raises(InputError, match="time-bandwidth"):
        slr_pulse(5e-3, "refocusing", time_bandwidth=200.0)
