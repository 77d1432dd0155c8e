from itertools import pairwise

import fits
import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from diffmrs.curves import curves_of, signal_height
from diffmrs.errors import InputError
from diffmrs.plot import fit_figure, plot_correlation, plot_fit, plot_members
from diffmrs.quality import quality_of


def lines_of(ax) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in ax.get_lines()}


def test_ppm_runs_from_right_to_left():
    for ax in (plot_fit(fits.one()), plot_members(fits.one())):
        left, right = ax.get_xlim()
        assert left > right
        assert "ppm" in ax.get_xlabel()


def test_peaks_stand_up_whatever_the_phase_of_the_data():
    curves = curves_of(fits.one())
    assert np.degrees(0.4) == pytest.approx(quality_of(fits.one()).phase_deg[0], abs=4)  # the data have a phase
    naa = np.abs(curves.ppm - 2.0).argmin()
    window = slice(naa - 12, naa + 12)
    assert curves.data[window].max() == pytest.approx(curves.data.max())
    assert -curves.data[window].min() < 0.1 * curves.data.max()


def test_members_and_baseline_add_up_to_the_fit_and_the_residual_is_noise():
    curves = curves_of(fits.one())
    np.testing.assert_allclose(curves.members.sum(axis=0) + curves.baseline, curves.fit, rtol=1e-4, atol=1e-2)
    assert np.std(curves.residual) == pytest.approx(curves.noise_sd, rel=0.3)


def test_height_of_the_signal_is_that_of_the_drawn_fit():
    curves = curves_of(fits.one())
    assert signal_height(fits.one())[0] == pytest.approx((curves.fit - curves.baseline).max(), rel=0.02)


def test_figure_shows_what_was_fitted():
    result = fits.one()
    ax = plot_fit(result)
    curves = curves_of(result)
    drawn = lines_of(ax)
    np.testing.assert_allclose(drawn["data"], curves.data)
    np.testing.assert_allclose(drawn["fit"], curves.fit)
    np.testing.assert_allclose(drawn["baseline"], curves.baseline)
    assert "SNR" in ax.get_title(loc="left")
    residual = next(values for name, values in drawn.items() if name.startswith("_"))
    assert residual.min() > curves.fit.max()  # above, apart from the spectrum


def test_every_member_is_named_and_neither_traces_nor_labels_touch():
    result = fits.one()
    figure = fit_figure(result)
    members = figure.axes[1]
    labels = [text for text in members.texts if "%" in text.get_text()]
    assert {text.get_text().split()[0] for text in labels} == set(result.names)
    traces = [line.get_ydata() for line in members.get_lines()]
    for upper, lower in pairwise(traces):
        assert (upper > lower).all()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in members.texts]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :]), members.texts[k]
        assert box.x1 <= figure.bbox.x1


def test_macromolecules_are_grey():
    ax = plot_members(fits.one())
    colours = {text.get_text().split()[0]: text.get_color() for text in ax.texts}
    red, green, blue = matplotlib.colors.to_rgb(colours["MM09"])
    assert red == green == blue
    assert colours["NAA"] != colours["MM09"]


def test_axes_given_are_axes_drawn_on_and_no_global_state_is_touched():
    before = dict(matplotlib.rcParams)
    ax = Figure().add_subplot()
    assert plot_fit(fits.one(), ax=ax) is ax
    assert plot_members(fits.one(), ax=Figure().add_subplot()).get_lines()
    assert dict(matplotlib.rcParams) == before


def test_limits_of_the_axis_can_be_chosen():
    left, right = plot_fit(fits.one(), ppm_range=(1.5, 3.5)).get_xlim()
    assert left == pytest.approx(3.5, abs=0.03)
    assert right == pytest.approx(1.5, abs=0.03)
    with pytest.raises(InputError, match="ppm range of the figure is 6 to 7"):
        plot_fit(fits.one(), ppm_range=(6.0, 7.0))


@pytest.mark.parametrize("draw", [plot_fit, plot_members, plot_correlation, fit_figure])
def test_a_spectrum_without_a_fit_is_refused(draw):
    with pytest.raises(InputError, match="spectrum 1"):
        draw(fits.batch(), index=fits.BAD_ROW)
    with pytest.raises(InputError, match="hold 4"):
        draw(fits.batch(), index=4)


def test_correlation_is_drawn_as_a_square_with_names():
    ax = plot_correlation(fits.one())
    names = fits.one().names
    assert [label.get_text() for label in ax.get_yticklabels()] == list(names)
    matrix = ax.get_images()[0].get_array()
    assert matrix[names.index("Cr"), names.index("PCr")] < -0.5
