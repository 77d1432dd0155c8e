from dataclasses import replace

import fits
import numpy as np
import pytest
import synthetic

from diffmrs.data import Basis, MRSData
from diffmrs.fitting import Bounds, fit
from diffmrs.model import NoBaseline
from diffmrs.quality import DEFINITIONS, Quality, basis_linewidth_hz, quality_of
from diffmrs.quality.flags import judge
from diffmrs.quality.linewidth import kernel_line_width_hz
from diffmrs.quality.water_phase import SOME_BEND_DEG, phase_bend_deg

LEAN = {"priors": "none", "baseline": NoBaseline()}  # compiles in half the time of the usual model


def decaying_line(lorentz_hz: float, *, n_points: int = 2048, ppm: float = 3.0, phase: float = 0.0) -> np.ndarray:
    time = synthetic.ACQUISITION.time_s(n_points)
    return np.exp(2j * np.pi * synthetic.ACQUISITION.ppm_to_hz(ppm) * time - np.pi * lorentz_hz * time + 1j * phase)


@pytest.mark.parametrize(
    ("lorentz_hz", "gauss_hz", "kernel_sd_hz"), [(2.0, 3.0, 3.0), (0.2, 0.0, 4.0), (6.0, 0.0, 2.0)]
)
def test_a_gaussian_kernel_widens_a_line_as_a_gaussian_does(lorentz_hz, gauss_hz, kernel_sd_hz):
    offset_hz = 1.0 * np.arange(-15, 16)
    weights = np.exp(-0.5 * (offset_hz / kernel_sd_hz) ** 2)
    width = kernel_line_width_hz(lorentz_hz, gauss_hz, offset_hz, weights / weights.sum())
    gauss_total_hz = np.hypot(gauss_hz, np.sqrt(8 * np.log(2)) * kernel_sd_hz)
    voigt_hz = 0.5346 * lorentz_hz + np.sqrt(0.2166 * lorentz_hz**2 + gauss_total_hz**2)
    assert width == pytest.approx(voigt_hz, rel=0.03)


@pytest.mark.parametrize("lorentz_hz", [0.5, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("phase", [0.0, 2.0])
def test_width_of_the_basis_is_that_of_its_narrowest_line_in_any_phase(lorentz_hz, phase):
    fid = np.stack([decaying_line(lorentz_hz, phase=phase), decaying_line(3 * lorentz_hz, ppm=2.0)])
    basis = Basis(fid, synthetic.ACQUISITION, ("narrow", "broad"))
    assert basis_linewidth_hz(basis) == pytest.approx(lorentz_hz, rel=0.03)


def test_lines_without_decay_have_no_width():
    basis = Basis(decaying_line(0.0)[None], synthetic.ACQUISITION, ("NAA",))
    assert basis_linewidth_hz(basis) < 0.2


def test_macromolecules_do_not_decide_the_width():
    basis = Basis(np.stack([decaying_line(1.0), decaying_line(4.0, ppm=2.0)]), synthetic.ACQUISITION, ("MM09", "NAA"))
    assert basis_linewidth_hz(basis) == pytest.approx(4.0, rel=0.03)
    assert basis_linewidth_hz(basis.select(["MM09"])) == pytest.approx(1.0, rel=0.05)  # there is nothing else


def test_numbers_are_those_the_spectrum_was_made_with():
    quality = quality_of(fits.one())
    # 1 Hz of the basis and 3 Hz Lorentzian with 4 Hz Gaussian: Olivero & Longbothum's Voigt width.
    expected_hz = 0.5346 * 4 + np.sqrt(0.2166 * 16 + 16)
    assert quality.linewidth_hz[0] == pytest.approx(expected_hz, rel=0.05)
    assert quality.linewidth_ppm[0] == pytest.approx(quality.linewidth_hz[0] / 123.2)
    assert quality.shift_ppm[0] == pytest.approx(-2.5 / 123.2, abs=0.002)  # +2.5 Hz is towards lower ppm
    assert quality.phase_deg[0] == pytest.approx(np.degrees(0.4), abs=4)
    assert quality.noise_sd[0] == pytest.approx(fits.NOISE_SD * np.sqrt(synthetic.N_POINTS), rel=0.15)
    assert quality.chi2_reduced[0] == pytest.approx(1.0, abs=0.4)
    assert quality.converged[0]
    assert quality.status == ("converged",)


def test_snr_is_peak_height_over_noise():
    clean = synthetic.fid(phase_rad=0.0)
    clean[0] /= 2
    ppm = synthetic.ACQUISITION.ppm(synthetic.N_POINTS)
    spectrum = np.fft.fftshift(np.fft.fft(clean)).real
    height = spectrum[(ppm > 0.5) & (ppm < 4.2)].max()
    quality = quality_of(fits.one())
    assert quality.snr[0] * quality.noise_sd[0] == pytest.approx(height, rel=0.05)


def test_a_spectrum_that_cannot_be_fitted_has_no_numbers_and_says_why():
    quality = quality_of(fits.batch())
    bad = fits.BAD_ROW
    assert not quality.converged[bad]
    assert "NaN" in quality.status[bad]
    for name in ("snr", "linewidth_hz", "linewidth_ppm", "shift_ppm", "phase_deg", "chi2_reduced", "noise_sd"):
        values = getattr(quality, name)
        assert np.isnan(values[bad]), name
        assert np.isfinite(np.delete(values, bad)).all(), name


def test_every_number_is_defined_in_words():
    assert set(DEFINITIONS) == set(Quality.__dataclass_fields__)


def test_the_residual_of_a_good_fit_is_noise():
    quality = quality_of(fits.one())
    assert quality.fqn[0] == pytest.approx(1.0, abs=0.3)
    assert quality.residual_durbin_watson[0] == pytest.approx(2.0, abs=0.35)  # a standard deviation of 0.1
    assert 2.5 < quality.residual_peak[0] < 5  # the largest of some 500 normal numbers is about 3
    assert quality.unexplained[0] < 0.05
    assert quality.flags.names(0) == ()


def test_what_the_model_lacks_shows_in_every_residual_number():
    """A fit without creatine leaves its singlet of 3.03 ppm over."""
    found = quality_of(fit(fits.single(), fits.BASIS.without(["Cr", "PCr"]), **LEAN))
    assert found.fqn[0] > 2
    assert found.residual_peak[0] > 8
    assert found.residual_durbin_watson[0] < 1.5
    assert found.unexplained[0] > 0.15
    assert {"misfit", "unexplained_signal"} <= set(found.flags.names(0))


def test_parameters_at_their_bounds_are_named():
    """Data of negative lactate, 0.5 ppm off, can only be fitted at the bounds of both."""
    time = synthetic.ACQUISITION.time_s(synthetic.N_POINTS)
    fid = synthetic.fid(truth=synthetic.TRUTH | {"Lac": -3.0}, noise_sd=0.3)
    moved = fid * np.exp(-2j * np.pi * 0.1 * 123.2 * time)
    bounds = Bounds(max_shift_ppm=0.05)
    data = MRSData(moved.astype(np.complex64), synthetic.ACQUISITION)
    quality = quality_of(fit(data, fits.BASIS, bounds=bounds, **LEAN), bounds)
    assert {"amplitude Lac", "frequency_shift_hz"} <= set(quality.at_bounds[0])
    assert "shift_at_bound" in quality.flags.names(0)
    assert "amplitude NAA" not in quality.at_bounds[0]
    assert "amplitude Lac;" in quality.cell("at_bounds", 0) + ";"


def test_numbers_do_not_depend_on_how_members_are_grouped():
    together, apart = quality_of(fits.one()), quality_of(fit(fits.single(), fits.BASIS, groups=tuple(range(8))))
    assert apart.linewidth_hz[0] == pytest.approx(together.linewidth_hz[0], rel=0.15)
    assert apart.shift_ppm[0] == pytest.approx(together.shift_ppm[0], abs=0.005)
    assert apart.snr[0] == pytest.approx(together.snr[0], rel=0.05)
    assert not apart.flags.severe[0]
    assert all(name.split()[-1] in (*fits.BASIS.names, "delay_s") for name in apart.at_bounds[0])


def test_a_reader_is_warned_when_the_model_leaves_signal_unexplained():
    evidence = quality_of(fits.one()).flags.evidence
    flags = judge(replace(evidence, chi2_reduced=np.array([9.0])))
    assert flags.names(0) == ("misfit",)
    assert "3.0 times the noise" in flags.sentences(0)[0]
    assert not flags.severe[0]
    assert judge(replace(evidence, chi2_reduced=np.array([np.nan]))).names(0) == ()


@pytest.mark.parametrize("lorentz_hz", [4.0, 12.0])
@pytest.mark.parametrize("ppm", [4.65, 4.4])
def test_the_phase_of_one_water_line_is_straight_and_eddy_currents_bend_it(lorentz_hz, ppm):
    water = 1e4 * decaying_line(lorentz_hz, ppm=ppm, phase=1.0)
    water[0] /= 2
    time = synthetic.ACQUISITION.time_s(water.size)
    assert phase_bend_deg(water, synthetic.ACQUISITION) < 0.01
    bent = water * np.exp(1j * np.exp(-time / 0.03))
    assert phase_bend_deg(bent, synthetic.ACQUISITION) > SOME_BEND_DEG


@pytest.mark.parametrize("water", [np.zeros(64, complex), np.full(64, np.nan + 0j), np.eye(1, 64)[0] + 0j])
def test_what_is_no_water_scan_has_no_bend(water):
    assert np.isnan(phase_bend_deg(water, synthetic.ACQUISITION))
