"""Slices lie as radiologists expect them, and the panels say what they show."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import volumes

from diffmrs.errors import InputError
from diffmrs.panels import content_figure, map_figure, view_of
from diffmrs.panels.figure import slices_shown
from diffmrs.panels.view import robust_limits

MASK = np.ones((5, 4, 3))


def labelled(figure):
    return {axes.get_label(): axes for axes in figure.axes}


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PIR", "SRA", "ASL", "ILP"])
def test_the_patients_right_and_front_and_head_come_first(codes):
    shape = (5, 4, 3)
    affine = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(codes), shape)
    world = nib.affines.apply_affine(affine, np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1))
    view = view_of(shape, affine)
    left, right, top, bottom = view.letters
    axis = {letter: k for k, pair in enumerate(("RL", "AP", "SI")) for letter in pair}
    assert left + right in ("RL", "AP") and top + bottom in ("AP", "SI")
    across = view.picture(world[..., axis[left]], 0)
    down = view.picture(world[..., axis[top]], 0)
    # World coordinates grow to the right, the front and the head: they fall along the screen.
    assert (np.diff(across, axis=1) < 0).all() and (np.diff(across, axis=0) == 0).all()
    assert (np.diff(down, axis=0) < 0).all() and (np.diff(down, axis=1) == 0).all()


def test_without_an_affine_the_figure_says_that_sides_are_unknown():
    view = view_of((5, 4, 3))
    assert view.letters == "" and "unknown" in view.note
    assert view_of((5, 4, 3), np.full((4, 4), np.nan)).letters == ""
    assert view_of((5, 4, 3), np.zeros((4, 4))).letters == ""
    x, y, _ = np.indices((5, 4, 3))
    assert view.picture(x, 0)[0].tolist() == [0, 1, 2, 3, 4]
    assert view.picture(y, 0)[:, 0].tolist() == [3, 2, 1, 0]


def test_slices_lie_along_an_axis_of_one_voxel():
    assert view_of((1, 8, 8)).through == 0
    assert view_of((8, 1, 8)).through == 1
    assert view_of((8, 8, 1)).through == 2
    assert view_of((1, 1, 1)).through == 2


def test_voxels_keep_their_proportions_and_oblique_slices_say_so():
    view = view_of((5, 4, 3), np.diag([10.0, 20.0, 15.0, 1.0]))
    assert view.aspect == pytest.approx(2.0) and "oblique" not in view.note
    c, s = np.cos(0.3), np.sin(0.3)
    tilted = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    assert "oblique" in view_of((5, 4, 3), tilted).note


def test_colours_span_what_most_voxels_hold():
    low, high = robust_limits(np.append(np.linspace(0, 100, 1001), [1e9, np.nan, np.inf]))
    assert low == pytest.approx(2, abs=0.2) and high == pytest.approx(98, abs=0.2)
    assert robust_limits(np.full(4, np.nan)) == (0.0, 1.0)
    for value in (0.0, 3.0, -3.0):
        low, high = robust_limits(np.full(4, value))
        assert low < value < high


def test_slices_are_spread_evenly_over_those_with_voxels():
    mask = np.zeros((3, 3, 40), bool)
    mask[:, :, 4:36] = True
    shown = slices_shown(mask, view_of(mask.shape))
    assert len(shown) == 8 and set(np.diff(shown)) == {4}
    assert min(shown) - 4 == pytest.approx(35 - max(shown), abs=1)
    assert slices_shown(mask[:, :, 5:8], view_of((3, 3, 3))) == [0, 1, 2]


def test_each_panel_and_colour_bar_says_what_it_is():
    figure = content_figure(volumes.content(), affine=np.eye(4), title="volume")
    axes = labelled(figure)
    for name in ("tNAA", "SNR", "trust"):
        assert [f"{name}, slice {k}" in axes for k in range(3)] == [True] * 3
    assert axes["tNAA"].get_ylabel() == "mM"
    assert [tick.get_text() for tick in axes["trust"].get_yticklabels()] == ["yes", "with care", "no"]
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "volume" in texts and "Radiological" in texts and "Struck through" in texts
    assert {text.get_text() for text in axes["tNAA, slice 0"].texts} >= set("RLAP")


def test_a_panel_holds_the_values_of_its_slice():
    content = volumes.content(everywhere=True)
    volume = content.volume(content.maps[0].values)
    figure = content_figure(content)
    image = labelled(figure)["tNAA, slice 1"].images[0]
    np.testing.assert_array_equal(np.ma.getdata(image.get_array()), volume[:, ::-1, 1].T)
    scales = {labelled(figure)[f"tNAA, slice {k}"].images[0].get_clim() for k in range(3)}
    assert len(scales) == 1


def test_voxels_without_a_fit_or_value_are_left_out_and_marked_ones_struck():
    content = volumes.content()
    axes = labelled(content_figure(content))
    for k in range(3):
        panel = axes[f"SNR, slice {k}"]
        expected = np.isfinite(content.volume(content.maps[1].values)[:, ::-1, k].T)
        assert (~np.ma.getmaskarray(panel.images[0].get_array()) == expected).all()
        struck = content.volume(content.marked.astype(float))[:, :, k]
        assert len(panel.collections[0].get_segments()) == np.nansum(struck)


def test_maps_of_nothing_one_slice_and_one_voxel_are_drawn():
    nothing = np.full((5, 4, 3), np.nan)
    assert labelled(map_figure({"NAA": nothing}, MASK))["NAA"].get_ylabel() == "no values"
    one = map_figure({str(k): np.ones((5, 4, 1)) for k in range(5)}, np.ones((5, 4, 1)), slices=[0])
    assert len(one.axes) == 10
    content = volumes.content((1, 1, 1), everywhere=True)
    assert "tNAA, slice 0" in labelled(content_figure(content))


def test_each_extra_spectrum_has_its_figure():
    content = volumes.content(extra=(2,))
    volume = content.volume(content.maps[0].values, 1)
    flat = np.full(5 * 4 * 3 * 2, np.nan)
    flat[content.layout.rows] = content.maps[0].values
    np.testing.assert_array_equal(volume, flat.reshape(5, 4, 3, 2)[..., 1])
    assert content_figure(content, spectrum=1).axes
    with pytest.raises(InputError, match="each voxel has 2"):
        content_figure(content, spectrum=2)


def test_what_cannot_be_drawn_is_refused_in_words():
    values = np.ones((5, 4, 3))
    for arguments, words in (
        (({}, MASK), "no map"),
        (({"a": values[:4]}, MASK), r"map of a has the shape \(4, 4, 3\); the mask has \(5, 4, 3\)"),
        (({"a": values}, 0 * MASK), "at least one voxel"),
    ):
        with pytest.raises(InputError, match=words):
            map_figure(*arguments)
    with pytest.raises(InputError, match=r"slices are \[3\]; there are 3"):
        map_figure({"a": values}, MASK, slices=[3])
    with pytest.raises(InputError, match="marked"):
        map_figure({"a": values}, MASK, marked=MASK[0])
    content = volumes.content(extra=(2,))
    first = content.layout.spectrum() == 0
    half = replace(
        content,
        layout=replace(content.layout, rows=content.layout.rows[first]),
        maps=tuple(replace(one, values=one.values[first]) for one in content.maps),
        marked=content.marked[first],
    )
    with pytest.raises(InputError, match="at least one voxel"):
        content_figure(half, spectrum=1)
