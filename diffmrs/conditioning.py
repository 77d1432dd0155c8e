"""What is done to data and basis between reading and fitting when the user asks for it, for all spectra at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.data import Basis, MRSData, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.preprocess import correct_eddy_currents, remove_water_from
from diffmrs.resampling import resample
from diffmrs.spins.macromolecules import macromolecule_basis, macromolecule_sets, nearest_measured_set

_HIGH_FIELD_MHZ = 190.0
LIPIDS = ("Lip13a", "Lip13b", "Lip09", "Lip20")  # those that LCModel uses unless told otherwise


def without_eddy_currents(data: MRSData, water: MRSData) -> MRSData:
    """The data with the phase of the water scan taken off every FID.

    Args:
        data: the spectra.
        water: the water scan, sampled alike: one FID for all spectra, or one for each.

    Raises:
        InputError: the water scan is sampled otherwise, is shorter, or holds another number of FIDs.
    """
    _check_water(data, water)
    ours, theirs = data.acquisition.dwell_time_s, water.acquisition.dwell_time_s
    if abs(ours - theirs) > 1e-6 * ours:
        raise InputError(
            f"the water scan was sampled every {1e3 * theirs:g} ms but the data every {1e3 * ours:g} ms; "
            "eddy currents can only be corrected with a water scan sampled like the data"
        )
    if water.n_points < data.n_points:
        raise InputError(
            f"the water scan has {water.n_points} points but the data {data.n_points}; "
            "eddy currents can only be corrected with a water scan at least as long"
        )
    reference = jnp.asarray(water.spectra)[:, : data.n_points]
    each = jnp.broadcast_to(reference, (data.n_spectra, data.n_points))
    corrected = jax.vmap(correct_eddy_currents)(jnp.asarray(data.spectra), each)
    return data.with_fid(corrected.reshape(data.fid.shape))


def without_water(data: MRSData) -> MRSData:
    """The data with the residual water line removed from every FID; FIDs of zeros, or with NaN, stay as they are."""
    return remove_water_from(data)


def with_macromolecules(basis: Basis, data: MRSData, choice: str | Basis | Sequence[str | Basis]) -> tuple[Basis, str]:
    """The basis with macromolecule and lipid members, if they are wanted, and a line that says which.

    Members that the basis has by the same name are not added again.

    Args:
        basis: the basis set.
        data: tells the sampling.
        choice: `"none"`; `"auto"`, the set measured in vivo nearest in field when a 1H basis has no macromolecules of
            its own; the name of a set, which is added whatever the basis holds; `"lipids"`, the lipids of LCModel;
            members of one's own, such as those of `diffmrs.measured_mm`; or several of these, one after the other.

    Raises:
        InputError: there is no such set, or the basis cannot be resampled to the data.
    """
    choices = [choice] if isinstance(choice, str | Basis) else list(choice)
    told = [""] * len(choices)
    for index, each in sorted(enumerate(choices), key=lambda item: item[1] == "auto"):  # auto sees what others added
        basis, told[index] = _with_one(basis, data, each)
    return basis, "; ".join(told)


def _with_one(basis: Basis, data: MRSData, choice: str | Basis) -> tuple[Basis, str]:
    known = ("auto", "none", "lipids", *macromolecule_sets())
    if isinstance(choice, str) and choice not in known:
        raise InputError(f"macromolecule set {choice!r} is not known; there are {', '.join(known)}")
    own = [name for name in basis.names if is_macromolecule(name)]
    if choice == "none" or (choice == "auto" and data.acquisition.nucleus != "1H"):
        return basis, "those of the basis" if own else "none"
    if choice == "auto" and [name for name in own if not name.startswith("Lip")]:
        return basis, f"those of the basis ({', '.join(own)})"
    basis = resample(basis, data.acquisition, data.n_points)
    if isinstance(choice, Basis):
        lines, what = resample(choice, data.acquisition, data.n_points), choice.source
    else:
        chosen = nearest_measured_set(data.acquisition) if choice == "auto" else choice
        lines, what = _published(chosen, data), f"set {chosen}"
    new = [name for name in lines.names if name not in basis.names]
    if not new:
        return basis, f"{what}: the basis has them ({', '.join(lines.names)})"
    lines = lines.select(new)
    # One proton weighs one in the lines; the size of the basis is unknown, so bring both to the same order.
    scale = float(np.abs(np.asarray(basis.fid)).max() / np.abs(np.asarray(lines.fid)).max())
    lines = Basis(np.asarray(lines.fid) * scale, lines.acquisition, lines.names, lines.source)
    return basis.joined(lines), f"{what} added ({', '.join(lines.names)})"


def _published(name: str, data: MRSData) -> Basis:
    if name != "lipids":
        return macromolecule_basis(name, data.acquisition, data.n_points)
    high = data.acquisition.spectrometer_frequency_mhz > _HIGH_FIELD_MHZ
    return macromolecule_basis("lcmodel_7t" if high else "lcmodel", data.acquisition, data.n_points, LIPIDS)


def _check_water(data: MRSData, water: MRSData) -> None:
    if water.n_spectra not in (1, data.n_spectra):
        raise InputError(
            f"the water scan holds {water.n_spectra} FIDs for {data.n_spectra} spectra; "
            "one, or one per spectrum, is needed"
        )
    if not np.isfinite(np.asarray(water.fid)).all() or not np.asarray(water.fid).any():
        raise InputError("the water scan holds NaN, infinite samples or only zeros")
