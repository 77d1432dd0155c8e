"""How much of an answer came from the data and how much from a soft constraint, on cases where that is known."""

from dataclasses import replace
from functools import cache

import fits
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, fit
from diffmrs.model import Lineshape, PolynomialBaseline, SplineBaseline
from diffmrs.plot import plot_lineshape
from diffmrs.priors import ParameterPrior, RatioPrior
from diffmrs.quality import quality_of
from diffmrs.report import write_report
from diffmrs.results import table_of, write_concentrations, write_maps
from diffmrs.results.constraints import constraints_of, prior_percent
from diffmrs.results.in_words import model_in_words, tensions_in_words
from diffmrs.results.layout import layout_of

LAC_OVER_CR = 0.6 / 8.0  # in truth
TCR = (("Cr", 1.0), ("PCr", 1.0))


@cache
def fitted(lac_mean: float, lac_sd: float, side: str = "both") -> FitResult:
    constraints = (
        RatioPrior((("Lac", 1.0),), TCR, lac_mean, lac_sd, "a test", side),
        ParameterPrior("frequency_shift_hz", "MM09", 0.5, 0.01, "another", (("NAA", 1.0),)),
    )
    return fit(fits.single(), fits.BASIS, priors=constraints, baseline=PolynomialBaseline(1))


@cache
def plain(kernel: bool = False) -> FitResult:
    shape = Lineshape(kernel_half_width_hz=4.0, kernel_spacing_hz=2.0) if kernel else Lineshape()
    return fit(fits.single(), fits.BASIS, priors="none", baseline=SplineBaseline(1.5), lineshape=shape)


def entry(table, column: str, name: str) -> float:
    return float(getattr(table, column)[0, table.names.index(name)])


def test_information_from_data_and_prior_add_up():
    """A constraint of information p on one sum, beside data of information 1/wᵀCw, gives a share of p/(p + 1/wᵀCw)."""
    result = fitted(LAC_OVER_CR, 10.0)
    members = len(result.names)
    rng = np.random.default_rng(3)
    half = rng.normal(size=(members, members))
    data = half @ half.T + np.eye(members)
    weight = np.zeros(members)
    weight[:2] = 1.0
    posterior = np.linalg.inv(np.linalg.inv(data) + 5.0 * np.outer(weight, weight))
    estimate = replace(
        result.estimate,
        crlb_covariance=jnp.asarray(data[None, None, None]),
        amplitude_covariance=jnp.asarray(posterior[None, None, None]),
    )
    share = prior_percent(replace(result, estimate=estimate), weight[None])
    information = 1 / (weight @ data @ weight)
    assert share[0, 0] == pytest.approx(100 * 5.0 / (5.0 + information), rel=1e-3)


def test_a_narrow_constraint_is_all_there_is_and_a_wide_one_is_nothing():
    narrow, wide = fitted(LAC_OVER_CR, 1e-3), fitted(LAC_OVER_CR, 10.0)
    tight, loose = table_of(narrow), table_of(wide)
    assert entry(tight, "prior_percent", "Lac") > 95
    assert entry(tight, "sd", "Lac") == pytest.approx(1e-3 * entry(tight, "amplitude", "tCr"), rel=0.3)
    assert entry(tight, "learned_percent", "Lac") < 20
    assert entry(loose, "prior_percent", "Lac") < 1
    assert entry(loose, "learned_percent", "Lac") > 99
    # What the data alone say does not depend on the constraint.
    assert entry(tight, "crlb_percent", "Lac") == pytest.approx(entry(loose, "crlb_percent", "Lac"), rel=0.1)
    assert np.isnan(entry(tight, "learned_percent", "NAA"))


def test_a_constraint_far_from_the_truth_is_in_tension_and_named():
    result = fitted(0.5, 0.1)
    table = constraints_of(result)
    assert table.tension[0, 0] == pytest.approx((table.found[0, 0] - 0.5) / 0.1)
    assert table.tension[0, 0] < -2
    sentences = tensions_in_words(table, 0)
    assert any(s.startswith("Lac / (Cr+PCr) is 0.") and "below the expected 0.5 ± 0.1" in s for s in sentences)
    assert not any(s.startswith("Lac") for s in tensions_in_words(constraints_of(fitted(LAC_OVER_CR, 1e-3)), 0))


def test_a_constraint_on_a_shift_is_told_with_its_unit():
    table = constraints_of(fitted(LAC_OVER_CR, 10.0))
    assert (
        table.subjects[1] == "shift to lower ppm of MM09 against NAA+Cr+PCr+GPC+Ins+Glu+Lac"
        or "MM09" in table.subjects[1]
    )
    assert table.units == ("", "Hz")
    assert table.found[0, 1] == pytest.approx(0.5, abs=0.05)  # held tightly there
    assert table.counts == {"ratios of amplitudes": 1, "shift to lower ppm": 1}


@pytest.mark.parametrize(("side", "pulls"), [("above", False), ("below", True)])
def test_a_one_sided_constraint_is_silent_on_its_free_side(side, pulls):
    table = constraints_of(fitted(0.5, 0.1, side))
    assert (table.tension[0, 0] < 0) == pulls
    assert np.isnan(table.learned_percent[0, 0])


@pytest.mark.slow
def test_without_constraints_nothing_comes_from_them(tmp_path):
    result = plain()
    table = table_of(result)
    assert np.isnan(table.prior_percent).all()
    assert np.isnan(table.learned_percent).all()
    np.testing.assert_allclose(
        table.crlb_percent[0], np.minimum(100 * table.sd[0] / table.amplitude[0], 999), rtol=1e-6
    )
    layout = layout_of(result.data)
    write_concentrations(tmp_path / "concentrations.csv", [(table, layout)])
    assert all(line.endswith(",,") for line in (tmp_path / "concentrations.csv").read_text().splitlines()[1:])
    write_maps(tmp_path, table, quality_of(result), layout, result.data.header)
    assert not list(tmp_path.glob("prior_percent*"))
    write_report(tmp_path / "report.html", result)
    assert "None: what is reported follows from the data alone." in (tmp_path / "report.html").read_text()


def test_maps_of_the_share_are_written_when_there_is_one(tmp_path):
    result = fits.mrsi()
    written = write_maps(tmp_path, table_of(result), quality_of(result), layout_of(result.data), result.data.header)
    assert "prior_percent_Lac.nii.gz" in {path.name for path in written}


def test_the_report_tells_model_and_constraints(tmp_path):
    result = fitted(0.5, 0.1)
    write_report(tmp_path / "report.html", result, settings={"soft constraints": "mine"})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for part in ("<h2>Model", "Complex polynomial of order 1", "<h2>Soft constraints", "Chosen: mine.", "In tension"):
        assert part in text
    assert "Lineshape kernel" not in text


def test_model_in_words_tells_flexibility_and_whether_uncertainties_grew():
    words = model_in_words(plain(), 0)
    window = np.ptp(plain().model.ppm)
    assert f"{1.5 * 2 * window:.1f} effective parameters, 1.50 per ppm" in words["baseline"]
    assert "count the noise only" in words["noise"]
    assert "as you asked" in model_in_words(replace(plain(), inflated=True), 0)["noise"]


@pytest.mark.thorough
def test_the_lineshape_kernel_is_drawn_and_told(tmp_path):
    result = plain(kernel=True)
    drawn = plot_lineshape(result).get_lines()[0]
    np.testing.assert_allclose(drawn.get_xdata(), [-4, -2, 0, 2, 4])
    assert drawn.get_ydata().sum() == pytest.approx(1, abs=0.01)
    write_report(tmp_path / "report.html", result)
    assert "Lineshape kernel" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="no lineshape kernel"):
        plot_lineshape(plain())


def test_a_spectrum_without_a_fit_has_empty_cells():
    table = table_of(fits.batch())
    assert np.isnan(table.prior_percent[fits.BAD_ROW]).all()
    assert np.isfinite(table.prior_percent[0]).all()
    lac = table.names.index("Lac")
    assert 0 <= table.learned_percent[0, lac] <= 100
    assert synthetic.TRUTH["Lac"] == pytest.approx(table.amplitude[0, lac], abs=4 * table.sd[0, lac])
