"""Concentrations in mM from an unsuppressed water scan."""

from dataclasses import dataclass

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError

# Methyl singlets, not coupled to anything, that tell what one proton weighs in a basis: member, ppm, protons.
_SINGLETS = (
    ("Cr", 3.027, 3),
    ("PCr", 3.029, 3),
    ("NAA", 2.008, 3),
    ("GPC", 3.212, 9),
    ("PCh", 3.208, 9),
    ("Ace", 1.904, 3),
)
_WATER_PROTONS = 2
_SINGLET_WINDOW_S = 0.06


@dataclass(frozen=True)
class WaterReference:
    r"""How water and metabolites are related.

    $$c = a\,\beta\,\frac{2\,c_w\,A_w}{S_w\,A_m}$$

    with the amplitude $a$ of the fit, the signal $\beta$ of one proton in the basis and the water signal $S_w$ at time
    zero. The defaults are those of LCModel (its control parameters WCONC, ATTH2O and ATTMET): white matter at an echo
    time of 30 ms. They make results comparable, not right for every voxel.

    Attributes:
        water_concentration_mm: NMR-visible water in the voxel $c_w$, mM.
        water_attenuation: part of the water signal left after relaxation $A_w$.
        metabolite_attenuation: part of the metabolite signal left after relaxation $A_m$.
    """

    water_concentration_mm: float = 35880.0
    water_attenuation: float = 0.7
    metabolite_attenuation: float = 1.0

    def __post_init__(self) -> None:
        for name, high in (
            ("water_concentration_mm", 1e5),
            ("water_attenuation", 1.0),
            ("metabolite_attenuation", 1.0),
        ):
            value = getattr(self, name)
            if not 0 < value <= high:
                raise InputError(f"{name} is {value}; it must lie above 0 and be at most {high:g}")


def mm_per_amplitude(
    data: MRSData,
    basis: Basis,
    water: MRSData,
    reference: WaterReference = WaterReference(),
) -> np.ndarray:
    """What an amplitude of one means in mM, for each spectrum.

    Args:
        data: the fitted spectra.
        basis: the basis they were fitted with.
        water: the water scan: one FID for all spectra, or one for each.
        reference: concentrations and relaxation.

    Returns:
        mM per unit of amplitude, [n_spectra].

    Raises:
        InputError: the water scan does not go with the data, holds no signal, or the basis has no known singlet.
    """
    if water.acquisition.nucleus != data.acquisition.nucleus:
        raise InputError(
            f"the water scan is of {water.acquisition.nucleus} but the data are of {data.acquisition.nucleus}"
        )
    rows = np.asarray(water.spectra)
    if rows.shape[0] not in (1, data.n_spectra):
        raise InputError(
            f"the water scan holds {rows.shape[0]} FIDs for {data.n_spectra} spectra; "
            "one, or one per spectrum, is needed"
        )
    signal = np.array([water_signal(fid, water.acquisition) for fid in rows])
    scale = proton_signal(basis) * _WATER_PROTONS * reference.water_concentration_mm * reference.water_attenuation
    return np.broadcast_to(scale / (signal * reference.metabolite_attenuation), (data.n_spectra,)).copy()


def water_signal(fid: np.ndarray, acquisition: Acquisition) -> float:
    """Magnitude of a water FID at time zero.

    The logarithm of the magnitude is followed by a parabola (a Voigt line decays so) from the second point, as the
    first may be halved or filtered, to where half of the signal is left, and extended to zero. The magnitude does
    not see eddy currents.

    Raises:
        InputError: the FID is not finite or does not start with its largest signal, as water does.
    """
    magnitude = np.abs(fid)
    if not np.isfinite(magnitude).all() or not magnitude.any():
        raise InputError("the water scan holds NaN, infinite samples or only zeros")
    start = magnitude[1:6].max()
    low = np.flatnonzero(magnitude[1:] < 0.5 * start)
    stop = int(low[0]) + 1 if low.size else magnitude.size
    if stop < 8:
        raise InputError(
            f"the water scan falls to half of its signal within {stop} points; this is not an unsuppressed water FID"
        )
    time = acquisition.time_s(magnitude.size)[1:stop]
    return float(np.exp(np.polynomial.polynomial.polyfit(time, np.log(magnitude[1:stop]), 2)[0]))


def proton_signal(basis: Basis) -> float:
    """Signal of one proton in the basis at time zero, from the first methyl singlet found in it.

    Raises:
        InputError: the basis has none of the members whose singlets are known.
    """
    for name, ppm, protons in _SINGLETS:
        if name in basis.names:
            fid = np.asarray(basis.fid)[basis.index(name)]
            return singlet_signal(fid, basis.acquisition, ppm) / protons
    known = ", ".join(name for name, _, _ in _SINGLETS)
    raise InputError(
        f"the basis holds none of {known}, whose methyl singlets tell the signal of one proton; "
        "without one, water cannot give concentrations"
    )


def singlet_signal(fid: np.ndarray, acquisition: Acquisition, ppm: float) -> float:
    """Magnitude at time zero of the singlet at `ppm`, other lines of the FID left out.

    Rotated to rest and averaged under Blackman windows of 60 ms at several times, every line more than about 50 Hz away
    vanishes. A parabola through the logarithms of the averages, as a Voigt line decays, is extended to zero: basis sets
    come with Lorentzian and with Gaussian lines.
    """
    length = min(round(_SINGLET_WINDOW_S / acquisition.dwell_time_s), fid.size // 4)
    rest = fid * np.exp(-2j * np.pi * acquisition.ppm_to_hz(ppm) * acquisition.time_s(fid.size))
    window = np.blackman(length + 2)[1:-1]
    starts = np.arange(9) * (length // 4)
    averages = np.array([np.abs(rest[first : first + length] @ window) for first in starts]) / window.sum()
    time = acquisition.dwell_time_s * (starts + (length - 1) / 2)
    return float(np.exp(np.polynomial.polynomial.polyfit(time, np.log(averages), 2)[0]))
