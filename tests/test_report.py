import re
from dataclasses import replace
from html.parser import HTMLParser

import fits
import numpy as np
import pytest

from diffmrs.errors import InputError
from diffmrs.quality import DEFINITIONS, FLAGS, NUMBERS, Flags, Quality, quality_of
from diffmrs.quality.flags import judge
from diffmrs.quantify import WaterReference
from diffmrs.report import representative, write_report
from diffmrs.results import table_of

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags close in order, and keeps texts and addresses."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def report_of(tmp_path, result, **kwargs) -> Page:
    write_report(tmp_path / "report.html", result, **kwargs)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_one_page_holds_everything_and_loads_nothing(tmp_path):
    source = tmp_path / "data.nii.gz"
    source.write_bytes(b"abc")
    page = report_of(tmp_path, fits.one(), title="data.nii.gz", settings={"baseline": "order 2"}, inputs=(source,))
    assert len(page.addresses) == 2
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    assert "http" not in page.text
    assert "url(" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    for expected in (
        "tCr",
        "order 2",
        "data.nii.gz",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # SHA-256 of "abc" (FIPS 180-2)
        "no claim of clinical use",
        "jax",
        *DEFINITIONS.values(),
    ):
        assert expected in page.text
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d", page.text)


def test_sums_come_first_and_doubtful_rows_are_marked(tmp_path):
    result = fits.one()
    report_of(tmp_path, result)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r'<tr class="([^"]*)"><td>([^<]*)</td>(.*)</tr>', text)
    assert rows[0][:2] == ("sum", "tCr")
    table = table_of(result)
    for style, name, rest in rows:
        crlb = table.crlb_percent[0, table.names.index(name)]
        assert ("weak" in style) == (20 < crlb <= 50)
        assert ("poor" in style) == (crlb > 50) == ("not reliable" in rest)


def test_markup_in_names_is_text(tmp_path):
    page = report_of(tmp_path, fits.one(), title="<script>alert(1)</script>")
    assert "script" not in page.open
    assert "<script>alert(1)</script>" in page.text
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_batch_lists_every_spectrum_and_shows_a_good_one(tmp_path):
    page = report_of(tmp_path, fits.batch())
    assert "1 of 4 spectra did not converge" in page.text
    assert "not fitted: the spectrum holds NaN" in page.text
    assert re.search(r"Fit of spectrum [023]", page.text)


def test_a_severe_flag_stands_above_the_figure_in_words(tmp_path):
    quality = quality_of(fits.one())
    noise = judge(replace(quality.flags.evidence, snr=np.array([1.7])))
    page = report_of(tmp_path, fits.one(), quality=replace(quality, flags=noise))
    words = "Nothing stands clearly above the noise"
    assert words in page.text
    assert page.text.index("Do not use these numbers") < page.text.index(words) < page.text.index("Real parts with")
    assert "Do not use" not in report_of(tmp_path, fits.one()).text


def test_of_many_spectra_those_to_distrust_are_listed(tmp_path):
    page = report_of(tmp_path, fits.batch())
    assert "Spectra to distrust" in page.text
    assert "not_fitted" in page.text


def test_mrsi_names_the_voxel(tmp_path):
    assert "spectrum 0, voxel (1, 1, 0)" in report_of(tmp_path, fits.mrsi(), index=3).text


def test_concentrations_appear_when_there_is_a_reference(tmp_path):
    result = fits.one()
    factors = WaterReference().factors(np.array([2.0]), result.names)
    page = report_of(tmp_path, result, table=table_of(result, factors))
    assert "concentration (mM)" in page.text
    assert "(mmol per kg tissue water)" not in page.text
    assert "concentration (mM)" not in report_of(tmp_path, result).text


def quality_with(snr, converged, severe=()) -> Quality:
    some = np.where(np.isnan(snr), np.nan, 1.0)
    numbers = {name: some for name in NUMBERS if name != "snr"}
    texts = ("",) * len(snr)
    raised = np.zeros((len(snr), len(FLAGS)), bool)
    raised[list(severe), [flag.name for flag in FLAGS].index("lipids")] = True
    flags = Flags(raised, quality_of(fits.one()).flags.evidence)
    return Quality(
        np.array(snr), **numbers, at_bounds=((),) * len(snr), converged=np.array(converged), status=texts, flags=flags
    )


@pytest.mark.parametrize(
    ("snr", "converged", "expected"),
    [
        ([10.0, 30.0, 20.0], [True, True, True], 2),
        ([10.0, np.nan, 20.0, 30.0], [True, False, True, True], 2),
        ([10.0, 99.0], [True, False], 0),
        ([np.nan, 5.0, 7.0], [False, False, False], 1),
    ],
)
def test_the_spectrum_shown_is_a_typical_one(snr, converged, expected):
    assert representative(quality_with(snr, converged)) == expected


@pytest.mark.parametrize(("severe", "expected"), [([], 2), ([2], 0), ([0, 2], 1), ([0, 1, 2], 2)])
def test_a_spectrum_to_distrust_is_shown_only_when_there_is_no_other(severe, expected):
    assert representative(quality_with([10.0, 30.0, 20.0], [True, True, True], severe)) == expected


def test_without_any_fit_there_is_no_report():
    with pytest.raises(InputError, match="none of 2 spectra"):
        representative(quality_with([np.nan, np.nan], [False, False]))


def test_quality_of_the_shown_spectrum_is_in_the_table(tmp_path):
    snr = quality_of(fits.one()).snr[0]
    assert f"{snr:.4g}" in report_of(tmp_path, fits.one()).text
