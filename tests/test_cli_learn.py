"""`diffmrs train` and `diffmrs quantify`: a network from a basis, applied to spectra with known truth."""

import csv
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs import MRSData, write_nifti_mrs
from diffmrs.cli import main
from diffmrs.io import read_data, write_basis
from diffmrs.learn.adapt_protocol import adapted
from diffmrs.learn.saved import load_quantifier
from diffmrs.learn.tensors import read_tensors, write_tensors
from diffmrs.learn.training import Training

pytestmark = pytest.mark.slow  # whole commands

N = 512
NAMES = ("NAA", "Cr", "GPC", "Ins", "MM09")
STEPS = 120


def measured(path, *, spectra=1, echo_time_s=0.03, dwell_time_s=5e-4, n_points=N):
    """Spectra that differ in shift, phase and noise alone, as a file."""
    acquisition = replace(synthetic.ACQUISITION, dwell_time_s=dwell_time_s)
    truth = {name: synthetic.TRUTH[name] for name in NAMES}
    fids = [
        synthetic.fid(
            truth=truth, shift_hz=4.0 - 3 * k, phase_rad=2.0 - k, noise_sd=1.5, seed=k, acquisition=acquisition,
            n_points=n_points,
        )
        for k in range(spectra)
    ]  # fmt: skip
    data = MRSData(np.array(fids, np.complex64)[None, None, None], acquisition, ("DIM_DYN",))
    header = data.header.with_meta(
        SpectrometerFrequency=[acquisition.spectrometer_frequency_mhz], ResonantNucleus=["1H"], EchoTime=echo_time_s
    )
    write_nifti_mrs(path, replace(data, header=header))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A basis, data and a trained network."""
    place = tmp_path_factory.mktemp("learned")
    write_basis(place / "small.BASIS", synthetic.basis(NAMES, n_points=N), "lcmodel")
    measured(place / "data.nii.gz", spectra=3)
    options = ["--steps", str(STEPS), "--batch", "32", "--snr", "20", "200", "--artefacts", "0", "--spread", "0.3"]
    status = main(
        ["train", "--basis", str(place / "small.BASIS"), "--like", str(place / "data.nii.gz"), "--mm", "none",
         "--out", str(place / "net.safetensors"), *options]
    )  # fmt: skip
    assert status == 0
    return place


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def quantify(folder, out, *options, data="data.nii.gz"):
    return main(
        ["quantify", str(folder / data), "--model", str(folder / "net.safetensors"), "--out", str(out), *options]
    )


def test_training_leaves_a_network_its_metrics_and_no_checkpoint(folder):
    assert {p.name for p in folder.iterdir() if p.name.startswith("net")} == {
        "net.safetensors",
        "net_metrics.csv",
        "net_metrics.png",
    }
    metrics = rows_of(folder / "net_metrics.csv")
    assert int(metrics[-1]["step"]) == STEPS
    losses = [float(row["validation_loss"]) for row in metrics]
    assert losses[-1] < losses[0] - 0.1


def test_steps_after_the_network_end_where_the_fit_ends(folder, tmp_path, capsys):
    ratios = {}
    for steps in ("0", "all"):
        out = tmp_path / steps
        assert quantify(folder, out, "--steps", steps, "--priors", "none", "--baseline", "none") == 0
        rows = [row for row in rows_of(out / "concentrations.csv") if row["metabolite"] == "NAA"]
        ratios[steps] = np.array([float(row["ratio_tcr"]) for row in rows])
        status = {row["status"] for row in rows_of(out / "quality.csv")}
        assert any("network" in words for words in status) == (steps == "0")
    captured = capsys.readouterr()
    assert "report:" in captured.out
    truth = synthetic.TRUTH["NAA"] / synthetic.TRUTH["Cr"]
    off = {steps: np.abs(found / truth - 1).max() for steps, found in ratios.items()}
    assert off["all"] < 0.03
    assert off["0"] < 0.6


def test_the_networks_own_posterior_is_written_and_holds_the_truth(folder, tmp_path):
    assert quantify(folder, tmp_path / "out", "--steps", "0") == 0
    rows = rows_of(tmp_path / "out" / "posterior.csv")
    assert len({row["spectrum"] for row in rows}) == 3
    found = [row for row in rows if row["metabolite"] in NAMES]
    inside = [float(r["low_95"]) <= synthetic.TRUTH[r["metabolite"]] <= float(r["high_95"]) for r in found]
    assert np.mean(inside) > 0.7  # a network that has seen 4000 spectra is unsure, but not wrong
    for row in rows:
        assert float(row["low_95"]) <= float(row["mean"]) <= float(row["high_95"])
    strange = rows_of(tmp_path / "out" / "strangeness.csv")
    assert [row["outside"] for row in strange] == ["False"] * 3


@pytest.mark.thorough
def test_a_volume_gives_maps_and_the_same_numbers_as_single_spectra(folder, tmp_path):
    data = read_data(folder / "data.nii.gz")
    volume = MRSData(np.asarray(data.spectra)[:, None, None], data.acquisition, (), data.header)
    write_nifti_mrs(folder / "volume.nii.gz", volume)
    lean = ("--steps", "0", "--priors", "none", "--baseline", "none")
    assert quantify(folder, tmp_path / "volume", *lean, data="volume.nii.gz") == 0
    assert quantify(folder, tmp_path / "single", *lean) == 0
    assert (tmp_path / "volume" / "maps" / "amplitude_NAA.nii.gz").exists()
    ours, theirs = (
        [float(row["amplitude"]) for row in rows_of(tmp_path / kind / "concentrations.csv")]
        for kind in ("volume", "single")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    assert (tmp_path / "volume" / "posterior.csv").read_text() == (tmp_path / "single" / "posterior.csv").read_text()


def test_what_was_saved_is_what_was_trained(folder):
    one, again = (load_quantifier(folder / "net.safetensors") for _ in range(2))
    fids = jnp.asarray(synthetic.fid(noise_sd=1.5, n_points=N), jnp.complex64)[None]
    first, second = one.parameters(fids).amplitude, again.parameters(fids).amplitude
    np.testing.assert_array_equal(first, second)
    assert one.basis.names == NAMES and one.echo_time_s == pytest.approx(0.03)


def test_scale_phase_and_shift_of_data_do_not_matter(folder):
    net = load_quantifier(folder / "net.safetensors")
    fid = synthetic.fid(truth={n: synthetic.TRUTH[n] for n in NAMES}, shift_hz=0.0, noise_sd=0.5, n_points=N)
    time = synthetic.ACQUISITION.time_s(N)
    moved = 1e5 * fid * np.exp(2j * np.pi * 11.0 * time + 2.5j)
    found = net.parameters(jnp.asarray(np.stack([fid, moved]), jnp.complex64))
    np.testing.assert_allclose(found.amplitude[1], 1e5 * np.asarray(found.amplitude[0]), rtol=0.02)
    assert float(found.frequency_shift_hz[1, 0] - found.frequency_shift_hz[0, 0]) == pytest.approx(11.0, abs=0.1)


def test_broken_spectra_are_flagged_and_harm_no_other(folder):
    net = load_quantifier(folder / "net.safetensors")
    fid = synthetic.fid(truth={n: synthetic.TRUTH[n] for n in NAMES}, noise_sd=1.5, n_points=N)
    noise = np.random.default_rng(0).normal(size=(N, 2)) @ np.array([1, 1j])
    fids = jnp.asarray(np.stack([fid, 0 * fid, np.where(np.arange(N) == 5, np.nan, fid), noise]), jnp.complex64)
    told = net.tell(fids, jax.random.key(0))
    assert list(np.asarray(told.finite)) == [True, False, False, True]
    assert list(net.outside(told)[1:3]) == [True, True]
    assert np.isfinite(told.amplitude[:, 0]).all() and np.isnan(told.amplitude[:, 1]).all()
    alone = net.parameters(fids[:1]).amplitude
    np.testing.assert_allclose(net.parameters(fids).amplitude[0], alone[0], rtol=1e-4)


@pytest.mark.thorough
def test_adapting_lowers_the_misfit_of_what_it_adapts_to(folder):
    net = load_quantifier(folder / "net.safetensors")
    fid = synthetic.fid(truth={n: synthetic.TRUTH[n] for n in NAMES}, noise_sd=1.5, n_points=N)
    fids = jnp.asarray(fid, jnp.complex64)[None]
    how = Training(steps=40, batch=4, learning_rate=3e-4, every=20, validation=4)
    before = net.tell(fids, jax.random.key(0), 4).misfit[0]
    after = adapted(net, fids, how).tell(fids, jax.random.key(0), 4).misfit[0]
    assert after < 0.8 * before


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"echo_time_s": 0.08}, "echo time of 80 ms, but the network was trained for 30 ms"),
        ({"dwell_time_s": 2.5e-4}, "bandwidth of 4000 Hz, but the network was trained for 2000"),
        ({"n_points": 256}, "256 samples, but the network was trained for 512"),
    ],
)
def test_data_of_another_protocol_are_refused_in_one_line(folder, tmp_path, capsys, changed, words):
    measured(tmp_path / "other.nii.gz", **changed)
    out = tmp_path / "out"
    status = main(
        ["quantify", str(tmp_path / "other.nii.gz"), "--model", str(folder / "net.safetensors"), "--out", str(out)]
    )
    line = capsys.readouterr().err.strip()
    assert status == 2 and words in line and len(line.splitlines()) == 1 and not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "many"], "--steps is 'many'"),
        (["--steps", "-1"], "--steps"),
        (["--model", "missing.safetensors"], "no such file"),
    ],
)
def test_unusable_options_of_quantify(folder, tmp_path, capsys, options, words):
    assert quantify(folder, tmp_path / "out", *options) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "net.bin"], "must end in .safetensors"),
        (["--encoder", "oracle"], "--encoder is 'oracle'"),
        (["--steps", "0"], "steps is 0"),
        (["--snr", "30", "10"], "snr is 30 to 10"),
        (["--flow", "99"], "--flow is 99"),
        (["--ppm", "4.0", "1.0"], "the first limit must be the lower one"),
    ],
)
def test_unusable_options_of_train(folder, tmp_path, capsys, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    given = ["train", "--basis", str(folder / "small.BASIS"), "--mm", "none", "--out", "x.safetensors", *options]
    assert main(given) == 2
    line = capsys.readouterr().err.strip()
    assert words in line and len(line.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_damaged_networks_are_refused_in_one_line(folder, tmp_path):
    from diffmrs.errors import InputError

    arrays, meta = read_tensors(folder / "net.safetensors")
    name = next(name for name in arrays if name.startswith("network/"))
    damages = {
        "nan": ({**arrays, "basis": np.full_like(arrays["basis"], np.nan)}, meta),
        "shape": ({**arrays, name: arrays[name][..., :1]}, meta),
        "missing": ({k: v for k, v in arrays.items() if k != "basis"}, meta),
        "facts": (arrays, {**meta, "facts": "{"}),
        "other": (arrays, {**meta, "format": "something"}),
    }
    for kind, (changed, told) in damages.items():
        write_tensors(tmp_path / kind, changed, told)
        with pytest.raises(InputError, match=str(tmp_path / kind)):
            load_quantifier(tmp_path / kind)
    (tmp_path / "short").write_bytes((folder / "net.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match="short"):
        load_quantifier(tmp_path / "short")
