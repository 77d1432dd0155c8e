"""Basis members that come from one file each: they must be sampled alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError


@dataclass(frozen=True)
class Member:
    """One basis member: its name, its FID [points], how it was sampled, and the file it came from."""

    name: str
    fid: np.ndarray
    acquisition: Acquisition
    file: Path


def stack_members(members: list[Member], folder: Path) -> Basis:
    """Members of one folder as a basis, in the order given.

    Raises:
        InputError: two members differ in length, dwell time, frequency, nucleus or reference, or have one name.
    """
    first = members[0]
    for member in members[1:]:
        for what, wanted, found in (
            ("points", first.fid.size, member.fid.size),
            ("a dwell time of", first.acquisition.dwell_time_s, member.acquisition.dwell_time_s),
            ("MHz", first.acquisition.spectrometer_frequency_mhz, member.acquisition.spectrometer_frequency_mhz),
            ("the nucleus", first.acquisition.nucleus, member.acquisition.nucleus),
            ("ppm at the centre", first.acquisition.ppm_reference, member.acquisition.ppm_reference),
        ):
            same = wanted == found if isinstance(wanted, str) else abs(found - wanted) <= 1e-6 * abs(wanted)  # type: ignore[operator]
            if not same:
                raise InputError(
                    f"{folder}: {first.file.name} and {member.file.name} are sampled differently "
                    f"({what}: {wanted} and {found}); all members of a basis must agree"
                )
    try:
        fid = np.stack([member.fid for member in members])
        return Basis(fid, first.acquisition, tuple(member.name for member in members), folder.name)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None
