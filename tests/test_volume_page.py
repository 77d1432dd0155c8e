"""The page of a volume holds the numbers of the tables, stays small, and runs nothing that a name might say."""

import base64
import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import fits
import numpy as np
import pytest
import volumes

from diffmrs.curves import curves_of
from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, fit
from diffmrs.model import PolynomialBaseline
from diffmrs.panels import VoxelCurves, page_content, rows_with_curves, voxel_curves, write_volume_page
from diffmrs.panels.budget import rows_on_page, spread
from diffmrs.quality import FLAGS, quality_of
from diffmrs.quantify import WaterReference
from diffmrs.results import Layout, table_of
from diffmrs.results.layout import layout_of

TYPES = {
    "cells": "<i4",
    "flags": "<u4",
    "status": "u1",
    "marked": "u1",
    "number_rows": "<i4",
    "numbers": "<f4",
    "curve_rows": "<i4",
    "curves": "<i2",
    "scale": "<f4",
}


class Page(HTMLParser):
    """What a browser would see: elements, texts outside scripts, and the data inside."""

    def __init__(self, path):
        super().__init__()
        self.size = path.stat().st_size
        self.scripts: list[dict] = []
        self.addresses: list[str] = []
        self.text, self.data, self._inside = "", {}, None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        self.meta = json.loads(self.data["page"])

    def handle_starttag(self, tag, attributes):
        self._inside = dict(attributes) if tag == "script" else self._inside
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "srcset")]
        if tag == "script":
            self.scripts.append(dict(attributes))

    def handle_endtag(self, tag):
        self._inside = None if tag == "script" else self._inside

    def handle_data(self, data):
        if self._inside is None:
            self.text += data
        elif "id" in self._inside:
            self.data[self._inside["id"]] = self.data.get(self._inside["id"], "") + data

    def array(self, name) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.data[f"data-{name}"]), TYPES[name])

    def maps(self) -> np.ndarray:
        """[maps, spectra]"""
        packed = base64.b64decode(self.data["data-maps"])
        if self.meta["mapBytes"] == 2:
            values = (np.frombuffer(packed, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(packed, "<f4")
        return values.reshape(len(self.meta["maps"]), -1)

    def numbers(self) -> np.ndarray:
        """[columns, spectra, names]"""
        return self.array("numbers").reshape(len(self.meta["columns"]), -1, len(self.meta["names"]))

    def curves(self) -> np.ndarray:
        """[spectra, 3, window]"""
        steps = self.array("curves").reshape(-1, 3, len(self.meta["ppm"]))
        return np.where(steps == -32768, np.nan, steps * self.array("scale")[:, None, None].astype(float))


def page_of(tmp_path, content, **keywords) -> Page:
    write_volume_page(tmp_path / "volume.html", content, **keywords)
    return Page(tmp_path / "volume.html")


@cache
def four() -> FitResult:
    """Four fits, one of which holds NaN, as a volume of 2 x 2 x 1 voxels."""
    return fit(fits.volume(), fits.BASIS, baseline=PolynomialBaseline(2), priors="none")


def fitted(factors=None):
    result = four()
    table, quality = table_of(result, factors), quality_of(result)
    return table, quality, page_content(table, quality, layout_of(result.data), voxel_curves(result))


def test_many_curves_at_once_are_those_of_each_spectrum():
    result = four()
    together = voxel_curves(result)
    assert together.data.dtype == np.float32 and together.rows.tolist() == [0, 1, 2, 3]
    for row in (0, 2, 3):
        one = curves_of(result, row)
        for name in ("data", "fit", "baseline"):
            np.testing.assert_allclose(getattr(together, name)[row], getattr(one, name), atol=1e-4 * one.data.max())
    np.testing.assert_array_equal(together.ppm, curves_of(result).ppm)
    assert np.isnan(together.fit[fits.BAD_ROW]).all() and np.isnan(together.baseline[fits.BAD_ROW]).all()


def test_chunks_put_together_are_the_whole():
    result = four()
    whole = voxel_curves(result)
    parts = [voxel_curves(result, np.array([2, 3])), voxel_curves(result, np.array([0]), offset=10)]
    joined = VoxelCurves.joined([*parts, voxel_curves(result, np.array([], int))])
    np.testing.assert_allclose(joined.fit, whole.fit[[2, 3, 0]], rtol=1e-4, atol=1e-4 * whole.data[0].max())
    assert joined.rows.tolist() == [2, 3, 10]
    with pytest.raises(InputError, match="different ppm axes"):
        VoxelCurves.joined([whole, replace(whole, ppm=whole.ppm + 1)])
    with pytest.raises(InputError, match="at least one chunk"):
        VoxelCurves.joined([])
    with pytest.raises(InputError, match="the data hold 4"):
        voxel_curves(result, np.array([4]))


def test_the_page_holds_the_numbers_of_the_tables(tmp_path):
    factors = WaterReference().factors(np.full(4, 2.0), fits.BASIS.names)
    table, quality, content = fitted(factors)
    page = page_of(tmp_path, content)
    order = table.sums_first
    assert page.meta["names"] == [table.names[k] for k in order]
    assert page.meta["columns"] == ["amplitude", "concentration_mm", "crlb_percent"]
    for column, values in zip(page.meta["columns"], page.numbers(), strict=True):
        np.testing.assert_array_equal(values, getattr(table, column)[:, order].astype(np.float32))
    maps = dict(zip((one["name"] for one in page.meta["maps"]), page.maps(), strict=True))
    tcr, naa = (table.names.index(name) for name in ("tCr", "NAA"))
    np.testing.assert_array_equal(maps["tCr"], table.concentration_mm[:, tcr].astype(np.float32))
    np.testing.assert_array_equal(maps["CRLB NAA"], table.crlb_percent[:, naa].astype(np.float32))
    np.testing.assert_array_equal(maps["SNR"], quality.snr.astype(np.float32))
    np.testing.assert_array_equal(page.array("flags"), quality.flags.bit_mask())
    np.testing.assert_array_equal(page.array("cells"), [0, 1, 2, 3])
    assert [page.meta["statuses"][k] for k in page.array("status")] == list(quality.status)
    assert maps["trust"][fits.BAD_ROW] == 2 and page.array("marked")[fits.BAD_ROW] == 1


def test_curves_come_back_to_a_part_in_thirty_thousand_of_their_height(tmp_path):
    content = volumes.content()
    page, curves = page_of(tmp_path, content), content.curves
    assert curves is not None
    stacked = np.stack([curves.data, curves.fit, curves.baseline], axis=1)
    height = np.abs(stacked).max(axis=(1, 2), keepdims=True)
    assert (np.abs(page.curves() - stacked) <= 0.51 / 32767 * height).all()
    np.testing.assert_allclose(page.meta["ppm"], curves.ppm, atol=1e-5)
    assert page.array("curve_rows").tolist() == curves.rows.tolist()


def test_maps_are_in_the_best_unit_there_is():
    def units(content):
        return {one.name: one.unit for one in content.maps}

    table, _, content = fitted()
    found = units(content)
    assert found["NAA"] == "ratio to tCr" and found["tCr"] == "arbitrary units"
    assert found["GPC/NAA"] == "" and "Ins" in found and "trust" in found
    with_water = units(fitted(WaterReference().factors(np.full(4, 2.0), fits.BASIS.names))[2])
    assert with_water["NAA"] == with_water["tCr"] == "mM"
    ratio = next(one.values for one in content.maps if one.name == "GPC/NAA")
    above, below = (table.amplitude[:, table.names.index(name)] for name in ("GPC", "NAA"))
    np.testing.assert_allclose(ratio, above / below)


def test_a_basis_without_the_usual_metabolites_still_has_a_page(tmp_path):
    table, quality, content = fitted()
    lac = [table.names.index("Lac")]
    columns = {key: value[:, lac] for key, value in vars(table).items() if np.ndim(value) == 2}
    few = replace(table, names=("Lac",), n_members=1, **columns)
    page = page_of(tmp_path, page_content(few, quality, content.layout))
    assert [one["name"] for one in page.meta["maps"]] == ["SNR", "linewidth", "shift", "reduced chi²", "trust"]
    assert "No spectra are on this page" in page.text


def test_one_file_loads_nothing_and_keeps_order(tmp_path):
    source = tmp_path / "data.nii.gz"
    source.write_bytes(b"abc")
    page = page_of(
        tmp_path, fitted()[2], title="data.nii.gz", settings={"baseline": "stiff"}, inputs=[source], notes=["Beware."]
    )
    text = (tmp_path / "volume.html").read_text(encoding="utf-8")
    assert page.addresses == [] and "url(" not in text and "http:" not in text and "https:" not in text
    for expected in ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "stiff", "Beware.", "jax"):
        assert expected in page.text
    assert FLAGS[0].meaning in page.text  # the NaN spectrum
    assert "struck through: 1 of 4 spectra" in page.text
    assert "What is not on this page" not in page.text


def test_markup_in_names_is_text_everywhere(tmp_path):
    evil = "</script><script>alert(1)</script><!--"
    content = volumes.content(names=(evil, "tNAA", "Cr", "NAA"), extra=(2,))
    maps = (replace(content.maps[0], name=evil, unit=evil, meaning=evil), *content.maps[1:])
    content = replace(content, maps=maps, status=[evil] * content.n_spectra)
    page = page_of(tmp_path, content, title=evil, extra_names=[evil], settings={evil: evil}, notes=[evil])
    plain = page_of(tmp_path, volumes.content(extra=(2,)))
    assert len(page.scripts) == len(plain.scripts)
    assert page.meta["names"][0] == page.meta["maps"][0]["name"] == page.meta["extraNames"][0] == evil
    assert page.meta["statuses"] == [evil]
    assert page.text.count(evil) >= 6
    scripts = (tmp_path / "volume.html").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)


@pytest.mark.parametrize("points", [200, 3000])
def test_a_page_of_a_large_volume_stays_within_its_limit(tmp_path, points):
    space, limit = (32, 32, 20), 5_000_000
    content = volumes.content(space, n_curves=0, everywhere=True)
    ppm = np.linspace(4.2, 0.5, points)
    rows = rows_with_curves(content.layout, len(content.names), ppm, limit_bytes=limit)
    assert 0 < rows.size < 20480
    page = page_of(tmp_path, replace(content, curves=volumes.curves(rows, points)), limit_bytes=limit)
    assert 0.6 * limit < page.size < limit
    assert page.array("curve_rows").tolist() == rows.tolist()  # what was asked for is there
    np.testing.assert_array_equal(page.maps()[0], content.maps[0].values.astype(np.float32))
    assert f"The spectra of {rows.size} of 20480 fits" in page.text
    per_ppm = (len(page.meta["ppm"]) - 1) / np.ptp(page.meta["ppm"])
    assert per_ppm < 200
    assert ("neighbouring points averaged" in page.text) == (points == 3000)


def test_more_curves_than_there_is_room_for_are_thinned_evenly(tmp_path):
    content = volumes.content((16, 16, 8), points=100, everywhere=True)
    page = page_of(tmp_path, content, limit_bytes=1_000_000)
    assert page.size < 1_000_000
    rows = page.array("curve_rows")
    assert 100 < rows.size < 2048
    voxels = content.layout.voxel()[rows]
    for axis in range(3):  # every slice, row and column keeps its share
        counts = np.bincount(voxels[:, axis], minlength=content.layout.space[axis])
        assert counts.min() > 0.6 * counts.mean()
    curves = content.curves
    assert curves is not None
    assert np.abs(page.curves()[:, 0] - curves.data[rows]).max() < 1e-3


def test_too_many_spectra_for_full_maps_lose_digits_first_then_whole_spectra(tmp_path):
    content = volumes.content((10, 10, 10), extra=(8,), n_curves=0, everywhere=True)
    content = replace(content, maps=content.maps[:2] * 6)
    page = page_of(tmp_path, content, limit_bytes=560_000)
    assert page.meta["mapBytes"] == 2 and page.size < 560_000
    exact = content.maps[0].values[rows_on_page(content.layout, 560_000)]
    np.testing.assert_allclose(page.maps()[0], exact, rtol=0.004)
    nan = np.isnan(content.maps[1].values[rows_on_page(content.layout, 560_000)])
    np.testing.assert_array_equal(np.isnan(page.maps()[1]), nan)
    assert "rounded to 0.4 %" in page.text
    assert 0 < len(page.meta["extras"]) < 8
    assert (np.isin(page.array("cells") % 8, page.meta["extras"])).all()
    assert page.array("cells").size == 1000 * len(page.meta["extras"])
    slices = rows_on_page(volumes.layout((20, 20, 20), everywhere=True), 360_000)
    kept = np.unique(volumes.layout((20, 20, 20), everywhere=True).voxel()[slices][:, 2])
    assert 0 < kept.size < 20 and slices.size == 400 * kept.size


def test_a_spread_of_fewer_is_part_of_one_of_more():
    rows = np.arange(3, 1000, 2)
    few, more = spread(rows, 50), spread(rows, 300)
    assert np.isin(few, more).all() and np.isin(more, rows).all() and (np.diff(more) > 0).all()
    assert spread(rows, 10**6).tolist() == rows.tolist()


def test_extra_dimensions_one_slice_and_maps_of_nothing(tmp_path):
    content = volumes.content((5, 4, 1), extra=(2, 3), points=41)
    empty = replace(content.maps[0], values=np.full(content.n_spectra, np.nan))
    page = page_of(tmp_path, replace(content, maps=(empty,)), extra_names=("DIM_DYN", "DIM_EDIT"))
    assert page.meta["extra"] == [2, 3] and page.meta["extras"] == list(range(6))
    assert page.meta["maps"][0]["limits"] == [0.0, 1.0]
    assert np.isnan(page.maps()).all()
    np.testing.assert_array_equal(page.array("cells"), content.layout.rows)


def test_curves_without_values_stay_without(tmp_path):
    content = volumes.content(n_curves=3)
    assert content.curves is not None
    data = content.curves.data.copy()
    data[0, 5], data[1] = np.nan, 0.0
    hidden = np.full_like(content.curves.fit, np.nan)
    page = page_of(tmp_path, replace(content, curves=replace(content.curves, data=data, fit=hidden, baseline=hidden)))
    back = page.curves()
    assert np.isnan(back[0, 0, 5]) and np.isfinite(back[0, 0, :5]).all() and np.isnan(back[:, 1:]).all()
    assert (back[1, 0] == 0).all()


def test_what_has_no_page_is_refused_in_words(tmp_path):
    content, path = volumes.content(), tmp_path / "volume.html"
    nothing = replace(content, layout=Layout((5, 4, 3), (), np.zeros(0, int)))
    with pytest.raises(InputError, match="no spectrum was fitted"):
        write_volume_page(path, nothing)
    with pytest.raises(InputError, match="there are 0 maps"):
        write_volume_page(path, replace(content, maps=()))
    with pytest.raises(InputError, match="folder"):
        write_volume_page(tmp_path / "none" / "volume.html", content)
    assert not path.exists()
    table, quality, _ = fitted()
    with pytest.raises(InputError, match="holds 4 spectra, the layout 40"):
        page_content(table, quality, Layout((5, 4, 2), (), np.arange(40)))
    with pytest.raises(InputError, match="there are 4, counted from 0"):
        page_content(table, quality, Layout((2, 2, 1), (), np.arange(4)), volumes.curves(np.array([4])))
