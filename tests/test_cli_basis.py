"""`diffmrs basis`: what it writes can be read back and fitted; what it is told wrongly is refused in one line."""

import numpy as np
import pytest

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.cli import main
from diffmrs.io import read_basis, write_basis
from diffmrs.spins import press, simulate_basis

pytestmark = pytest.mark.slow  # whole commands

PRESS = ["--sequence", "press", "--te1", "11", "--te2", "19"]
SAMPLING = ["--frequency", "123.25", "--bandwidth", "2000", "--points", "512"]
SMALL = ["--metabolites", "NAA", "Cr", "Lac"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.BASIS", []),
        ("b.txt", []),
        ("folder", []),
        ("raw", ["--format", "raw"]),
        ("fsl", ["--format", "fsl"]),
    ],
)
def test_every_format_reads_back_as_what_was_simulated(name, options, tmp_path, capsys):
    assert main(["basis", *PRESS, *SAMPLING, *SMALL, *options, "--out", str(tmp_path / name)]) == 0
    sampling = {"dwell_time_s": 5e-4, "spectrometer_frequency_mhz": 123.25} if name == "raw" else {}
    found = read_basis(tmp_path / name, **sampling)
    expected = simulate_basis(("NAA", "Cr", "Lac"), press(0.011, 0.019), Acquisition(5e-4, 123.25), 512)
    for member in expected.names:
        ours, theirs = (np.asarray(b.fid)[b.index(member)][:512] for b in (expected, found))
        np.testing.assert_allclose(theirs, ours, atol=3e-5 * np.abs(ours).max(), err_msg=f"{name}: {member}")
    spectrum = np.abs(np.asarray(spectrum_of(np.asarray(found.fid)[found.index("NAA")])))
    assert found.ppm[spectrum.argmax()] == pytest.approx(2.008, abs=0.05), "on which side is NAA"
    assert (tmp_path / f"{name.split('.')[0]}.png").read_bytes().startswith(b"\x89PNG")
    assert "simulated: PRESS: NAA, Cr, Lac" in capsys.readouterr().out


def test_a_basis_survives_a_journey_through_all_formats(tmp_path):
    basis = simulate_basis(("NAA", "Cr", "Lac"), press(0.011, 0.019), Acquisition(5e-4, 123.25), 256)
    travelled = basis
    for kind, name in (("nifti", "a"), ("lcmodel", "b.BASIS"), ("jmrui", "c.txt"), ("fsl", "d"), ("raw", "e")):
        write_basis(tmp_path / name, travelled, kind)
        sampling = {"dwell_time_s": 5e-4, "spectrometer_frequency_mhz": 123.25} if kind == "raw" else {}
        travelled = read_basis(tmp_path / name, **sampling)
    assert set(travelled.names) == set(basis.names) and travelled.acquisition == basis.acquisition
    for member in basis.names:
        np.testing.assert_allclose(
            np.asarray(travelled.fid)[travelled.index(member)], np.asarray(basis.fid)[basis.index(member)], atol=1e-3
        )


def test_macromolecules_and_linewidth_are_added_on_request(tmp_path):
    assert (
        main(["basis", *PRESS, *SAMPLING, *SMALL, "--mm", "fsl_mrs", "--linewidth", "5", "--out", str(tmp_path / "b")])
        == 0
    )
    basis = read_basis(tmp_path / "b")
    assert len(basis.names) > 3
    naa = np.abs(np.asarray(basis.fid)[basis.index("NAA")])
    assert naa[-1] < 0.1 * naa[0]


def test_an_edited_sequence_gives_its_steps_and_differences(tmp_path):
    arguments = [
        "--sequence",
        "mega-press",
        "--te1",
        "12",
        "--te2",
        "56",
        *SAMPLING,
        "--metabolites",
        "NAA",
        "Cr",
        "GABA",
    ]
    assert main(["basis", *arguments, "--out", str(tmp_path / "mega.BASIS")]) == 0
    on, off, difference = (read_basis(tmp_path / f"mega_{name}.BASIS") for name in ("on", "off", "difference"))
    assert set(on.names) == set(off.names) == {"NAA", "Cr", "GABA"}
    assert "Cr" not in difference.names, "a singlet that is not edited cancels"
    gaba = np.abs(np.asarray(spectrum_of(np.asarray(difference.fid)[difference.index("GABA")])))
    naa = np.abs(np.asarray(spectrum_of(np.asarray(on.fid)[on.index("NAA")])))
    edited = gaba[(difference.ppm > 2.8) & (difference.ppm < 3.2)].max()
    assert edited > 0.05 * naa.max(), "the GABA signal at 3 ppm is what editing is for"
    np.testing.assert_allclose(
        np.asarray(difference.fid)[difference.index("GABA")],
        np.asarray(on.fid)[on.index("GABA")] - np.asarray(off.fid)[off.index("GABA")],
        atol=1e-4,
    )


def test_the_list_names_protocols_and_metabolites(capsys):
    assert main(["basis", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "press-30-siemens" in printed and "TE 30 = 11 + 19 ms" in printed and "GABA" in printed


def test_a_protocol_brings_its_times(tmp_path):
    arguments = ["--protocol", "press-30-siemens", *SAMPLING, *SMALL, "--out", str(tmp_path / "b")]
    assert main(["basis", *arguments]) == 0
    again = simulate_basis(("NAA",), press(0.011, 0.019), Acquisition(5e-4, 123.25), 512)
    basis = read_basis(tmp_path / "b")
    np.testing.assert_allclose(np.asarray(basis.fid)[basis.index("NAA")], again.fid[0], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*SAMPLING], "--sequence"),
        ([*PRESS, "--protocol", "fid", *SAMPLING], "--protocol"),
        (["--sequence", "press", "--te", "30", *SAMPLING], "--te1"),
        (["--sequence", "steam", "--te", "20", *SAMPLING], "--tm"),
        (["--sequence", "press", "--te1", "-1", "--te2", "19", *SAMPLING], "--te1"),
        (["--sequence", "epsi", *SAMPLING], "epsi"),
        (["--protocol", "press-31", *SAMPLING], "press-31"),
        (["--protocol", "press-144", "--te", "30", *SAMPLING], "--te"),
        ([*PRESS, "--delay", "1", *SAMPLING], "--delay"),
        ([*PRESS, "--edit", "1.9", "7.5", *SAMPLING], "editing"),
        ([*PRESS], "--frequency"),
        ([*PRESS, "--frequency", "0", "--points", "512"], "spectrometer_frequency_mhz"),
        ([*PRESS, *SAMPLING, "--bandwidth", "0"], "--bandwidth"),
        ([*PRESS, *SAMPLING, "--points", "4"], "16"),
        ([*PRESS, *SAMPLING, "--metabolites", "Unobtainium"], "Unobtainium"),
        ([*PRESS, *SAMPLING, "--metabolites", "NAA", "NAA"], "NAA"),
        ([*PRESS, *SAMPLING, *SMALL, "--mm", "mm15"], "mm15"),
        ([*PRESS, *SAMPLING, *SMALL, "--nucleus", "31P"], "31P"),
        ([*PRESS, *SAMPLING, *SMALL, "--linewidth", "-2"], "lorentzian_fwhm_hz"),
        ([*PRESS, *SAMPLING, *SMALL, "--format", "mat"], "mat"),
    ],
)
def test_a_wrong_description_is_one_line_and_writes_nothing(arguments, says, tmp_path, capsys):
    assert main(["basis", *arguments, "--out", str(tmp_path / "b")]) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1 and says in printed.err, printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_another_basis_is_refused(tmp_path, capsys):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "Gly.nii.gz").write_bytes(b"old")
    assert main(["basis", *PRESS, *SAMPLING, *SMALL, "--out", str(tmp_path / "b")]) == 2
    assert "holds files already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["Gly.nii.gz"]
