"""Each artefact raises its flag, and good spectra raise none: one batch of spoiled spectra with known truth."""

from functools import cache

import numpy as np
import pytest
import synthetic

from diffmrs.conditioning import without_eddy_currents, without_water
from diffmrs.data import MRSData
from diffmrs.fitting import fit
from diffmrs.model import NoBaseline
from diffmrs.quality import FLAGS, Quality, quality_of

TIME = synthetic.ACQUISITION.time_s(synthetic.N_POINTS)
F0 = synthetic.ACQUISITION.spectrometer_frequency_mhz
NOISE_SD = 0.5
SIZE = 100.0  # of the clean FID at time zero, about


def spectrum(seed=1, **kwargs) -> np.ndarray:
    return synthetic.fid(noise_sd=NOISE_SD, seed=seed, **kwargs)


def line(ppm, width_hz, *, at_s=0.0, phase=0.0) -> np.ndarray:
    since = TIME - at_s
    decay = np.exp(-((np.pi * width_hz * since) ** 2) / (4 * np.log(2)))
    return decay * np.exp(-2j * np.pi * (ppm - 4.65) * F0 * since + 1j * phase)


def noise(seed=5) -> np.ndarray:
    return NOISE_SD * (np.random.default_rng(seed).normal(size=(synthetic.N_POINTS, 2)) @ np.array([1, 1j]))


def moved(ppm) -> np.ndarray:
    return spectrum() * np.exp(-2j * np.pi * ppm * F0 * TIME)


def eddy(rad=4.0, decay_s=0.06) -> np.ndarray:
    return np.exp(1j * rad * np.exp(-TIME / decay_s))


def clipped(top=30.0) -> np.ndarray:
    fid = spectrum()
    return np.clip(fid.real, -top, top) + 1j * np.clip(fid.imag, -top, top)


def spiked() -> np.ndarray:
    fid = spectrum()
    fid[150] += 30.0
    return fid


def corrected() -> np.ndarray:
    water = MRSData(1e4 * line(4.65, 6.0) * eddy(), synthetic.ACQUISITION)
    return np.asarray(without_eddy_currents(MRSData(spectrum() * eddy(), synthetic.ACQUISITION), water).fid)


def dried() -> np.ndarray:
    wet = spectrum() + 3 * SIZE * line(4.7, 8.0, phase=1.0)
    return np.asarray(without_water(MRSData(wet, synthetic.ACQUISITION)).fid)


CASES = {
    "clean": spectrum(),
    "clean, another seed": spectrum(seed=2),
    "clean, weak": synthetic.fid(noise_sd=3.0, seed=3),
    "clean, narrow": spectrum(lorentz_hz=1.0, gauss_hz=1.0),
    "clean, rather broad": spectrum(lorentz_hz=5.0, gauss_hz=6.0),
    "clean, eddy currents corrected": corrected(),
    "clean, water removed": dried(),
    "clean, upside down": spectrum(phase_rad=3.0),
    "no_signal": noise(),
    "zero_width": spectrum(lorentz_hz=-0.7, gauss_hz=0.0),
    "axis_off": moved(0.6),
    "axis_off, other way": moved(-0.6),
    "conjugated": spectrum().conj(),
    "residual_water": spectrum() + 30 * SIZE * line(4.7, 8.0, phase=1.0),
    "water_tail": spectrum() + 0.3 * SIZE * line(4.7, 8.0, phase=1.0),
    "lipids": spectrum() + SIZE * (line(1.3, 16.0) + 0.5 * line(0.9, 16.0)),
    "lipids, out of phase": spectrum() + SIZE * line(1.2, 20.0, phase=2.5),
    "spurious_echo": spectrum() + 0.2 * SIZE * line(2.5, 60.0, at_s=0.08),
    "spurious_echo, late": spectrum() + 0.1 * SIZE * line(3.4, 40.0, at_s=0.2),
    "eddy_currents": spectrum() * eddy(),
    "clipped": clipped(),
    "spike": spiked(),
    "broad_lines": spectrum(lorentz_hz=10.0, gauss_hz=10.0),
    "axis_shifted": moved(0.17),
    "unexplained_signal": spectrum() + 0.2 * SIZE * line(2.75, 3.0),
    "misfit": spectrum() + 0.02 * SIZE * line(2.75, 3.0),
    "correlated_residual": spectrum() * np.exp(-10 * TIME),
    "not_fitted": np.where(TIME[9] == TIME, np.nan, spectrum()),
}


@cache
def judged() -> Quality:
    data = MRSData(np.stack(list(CASES.values())).astype(np.complex64), synthetic.ACQUISITION)
    return quality_of(fit(data, synthetic.basis()))


def names_of(case: str) -> tuple[str, ...]:
    return judged().flags.names(list(CASES).index(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("clean")])
def test_a_good_spectrum_raises_no_flag(case):
    assert names_of(case) == ()


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("clean")])
def test_an_artefact_raises_its_flag(case):
    assert case.split(",")[0] in names_of(case)


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("clean")])
def test_what_spoils_the_numbers_raises_a_severe_flag_and_what_does_not_raises_none(case):
    harmless = {"water_tail", "broad_lines", "axis_shifted", "misfit", "correlated_residual"}
    assert judged().flags.severe[list(CASES).index(case)] == (case.split(",")[0] not in harmless)


def test_every_flag_says_in_one_sentence_with_its_numbers_what_is_wrong():
    flags = judged().flags
    for row, case in enumerate(CASES):
        sentences = flags.sentences(row)
        assert len(sentences) == len(flags.names(row)), case
        for text in sentences:
            assert text.endswith(".") and "nan" not in text and "\n" not in text, text
        severe, others = flags.sentences(row, severe=True), flags.sentences(row, severe=False)
        assert sorted(severe + others) == sorted(sentences)


def test_sentences_tell_where_and_how_much():
    flags, rows = judged().flags, list(CASES)
    told = {case: " ".join(flags.sentences(row)) for row, case in enumerate(rows)}
    found_ppm = float(told["axis_off"].split("at a shift of ")[1].split()[0])
    assert found_ppm == pytest.approx(0.6 - 2.5 / F0, abs=0.02)  # every spectrum is 2.5 Hz off to begin with
    echo_ms = float(told["spurious_echo"].split(" ms into the FID")[0].split()[-1])
    assert echo_ms == pytest.approx(80, abs=15)  # the length of a block
    assert "Sample 150" in told["spike"]
    assert "the opposite sign of frequency" in told["conjugated"]


def test_names_are_unique_and_fit_a_cell_of_a_table():
    names = [flag.name for flag in FLAGS]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() and name.islower() for name in names)
    assert len(names) <= 24  # the sum of the bits must be exact in float32


def test_counts_bits_and_names_tell_the_same():
    flags = judged().flags
    counted = {flag.name: 0 for flag in FLAGS}
    for row, mask in enumerate(flags.bit_mask()):
        from_bits = {flag.name for bit, flag in enumerate(FLAGS) if int(mask) >> bit & 1}
        assert from_bits == set(flags.names(row))
        for name in from_bits:
            counted[name] += 1
    assert flags.counts() == {name: n for name, n in counted.items() if n}


def test_flags_do_not_depend_on_scale_or_phase():
    turned = 1e-3 * np.exp(1.3j) * np.stack(list(CASES.values()))
    again = quality_of(fit(MRSData(turned.astype(np.complex64), synthetic.ACQUISITION), synthetic.basis()))
    np.testing.assert_array_equal(again.flags.severe, judged().flags.severe)


def test_another_nucleus_has_no_water_no_lipids_and_no_landmarks():
    acquisition = synthetic.Acquisition(5e-4, 49.9, nucleus="31P", ppm_reference=0.0)
    lines = np.exp(2j * np.pi * acquisition.ppm_to_hz(np.array([[0.0], [-7.5], [5.0]])) * TIME - np.pi * 8 * TIME)
    basis = synthetic.Basis(lines * np.exp(np.pi * 6 * TIME), acquisition, ("PCr", "ATP", "Pi"))
    fid = 20 * lines.sum(axis=0) * np.exp(-np.pi * 3 * TIME) + noise()
    quality = quality_of(
        fit(MRSData(fid.astype(np.complex64), acquisition), basis, priors="none", baseline=NoBaseline())
    )
    assert np.isnan(quality.flags.evidence.lines.water[0])
    assert np.isnan(quality.flags.evidence.match.best[0])
    assert quality.flags.names(0) == ()
