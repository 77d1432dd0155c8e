"""Write a basis as an LCModel `.BASIS` file, as LCModel's MakeBasis would."""

import os

import numpy as np

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.lcmodel_raw import quoted

_FORMAT = "(6E15.7)"
_PER_LINE = 6


def write_lcmodel_basis(
    path: str | os.PathLike[str],
    basis: Basis,
    *,
    echo_time_s: float | None = None,
    sequence: str = "",
    linewidth_hz: float | None = None,
) -> None:
    r"""Write a `.BASIS` file that LCModel reads.

    Each FID is extended by as many zeros, and $S = \mathrm{FFT}(s)/\sqrt{N}$ is written, not shifted (ISHIFT = 0), for
    unit concentration. LCModel takes 4.65 ppm as the centre, so that a basis with another reference is refused.

    Args:
        path: the file.
        basis: 1H members; names longer than six letters are refused, because LCModel cuts them.
        echo_time_s: echo time, s, for ECHOT.
        sequence: name of the sequence, for SEQ (five letters are kept: PRESS, STEAM …).
        linewidth_hz: full width of the narrowest line, Hz, for FWHMBA; LCModel's default when not given.

    Raises:
        InputError: another ppm reference, a name LCModel would cut, or a folder that cannot be written.
    """
    acquisition = basis.acquisition
    if abs(acquisition.ppm_reference - 4.65) > 1e-6:
        raise InputError(
            f"{path}: the basis is centred on {acquisition.ppm_reference:g} ppm; LCModel takes 4.65: resample it first"
        )
    too_long = [name for name in basis.names if len(name) > 6]
    if too_long:
        raise InputError(f"{path}: LCModel keeps six letters of a name; shorten {', '.join(too_long)}")
    n_stored = 2 * basis.n_points
    frequency = acquisition.spectrometer_frequency_mhz
    spectra = np.fft.fft(np.asarray(basis.fid, dtype=np.complex128), n=n_stored, axis=-1) / np.sqrt(n_stored)
    with atomic_write(path, text=True) as stream:
        stream.write(" $SEQPAR\n")
        if linewidth_hz is not None:
            stream.write(f" FWHMBA = {linewidth_hz / frequency:.6g},\n")
        stream.write(f" HZPPPM = {frequency:.9g},\n")
        if echo_time_s is not None:
            stream.write(f" ECHOT = {echo_time_s * 1e3:.6g},\n")
        stream.write(f" SEQ = '{quoted(sequence[:5])}'\n $END\n")
        stream.write(f" $BASIS1\n IDBASI = 'diffmrs',\n FMTBAS = '{_FORMAT}',\n")
        stream.write(f" BADELT = {acquisition.dwell_time_s:.9g},\n NDATAB = {n_stored}\n $END\n")
        for name, spectrum in zip(basis.names, spectra, strict=True):
            stream.write(
                f" $NMUSED\n XTRASH = 0.\n $END\n $BASIS\n ID = '{quoted(name)}',\n METABO = '{quoted(name)}',\n"
            )
            stream.write(" CONC = 1.,\n TRAMP = 1.,\n VOLUME = 1.,\n ISHIFT = 0\n $END\n")
            stream.write(_columns(spectrum))


def _columns(spectrum: np.ndarray) -> str:
    numbers = [f"{value:15.7E}" for value in spectrum.view(np.float64).tolist()]
    lines = ("".join(numbers[start : start + _PER_LINE]) for start in range(0, len(numbers), _PER_LINE))
    return "\n".join(lines) + "\n"
