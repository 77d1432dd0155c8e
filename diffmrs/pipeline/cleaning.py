"""What is done to the spectra of a volume as a whole before they are fitted: lipids suppressed, voxels aligned."""

from dataclasses import dataclass, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from diffmrs.data import Basis, MRSData
from diffmrs.pipeline.options import FitOptions
from diffmrs.preprocess import (
    LipidOperator,
    align_voxels,
    apply_lipid_operator,
    lipid_mask_from_data,
    lipid_operator,
)
from diffmrs.resampling import resample
from diffmrs.results import Layout
from diffmrs.results.mask import read_mask

AUTO = Path("auto")


@dataclass(frozen=True)
class Cleaning:
    """Steps found once from the whole volume, applied to any of its spectra.

    Attributes:
        operator: what suppresses lipids.
        shift_hz: frequency to take off each spectrum, Hz. [spectra]
        phase_rad: phase to take off each, rad. [spectra]
        words: what was done, for a report.
    """

    operator: LipidOperator | None = None
    shift_hz: np.ndarray | None = None
    phase_rad: np.ndarray | None = None
    words: str = "none"

    def apply(self, rows: np.ndarray, data: MRSData) -> MRSData:
        """Spectra with these steps taken.

        Args:
            rows: which of the volume's spectra these are.
            data: they. [rows, points]
        """
        fids = np.asarray(data.fid)
        if self.operator is not None:
            fids = np.asarray(apply_lipid_operator(fids, self.operator))
        if self.shift_hz is not None and self.phase_rad is not None:
            time_s = data.acquisition.time_s(fids.shape[-1])
            angle = 2 * np.pi * self.shift_hz[rows][:, None] * time_s + self.phase_rad[rows][:, None]
            fids = (fids * np.exp(-1j * angle)).astype(fids.dtype)
        return data.with_fid(fids)

    def of_basis(self, basis: Basis, data: MRSData) -> Basis:
        """The basis as the lipid suppression changes it: what it takes of the metabolites, the fit then knows."""
        if self.operator is None:
            return basis
        sampled = resample(basis, data.acquisition, data.n_points)
        return replace(sampled, fid=np.asarray(apply_lipid_operator(np.asarray(sampled.fid), self.operator)))


def cleaning_of(options: FitOptions, data: MRSData, layout: Layout) -> tuple[Cleaning, tuple[str, ...]]:
    """Find the steps that were asked for, and what the user should know about them.

    Raises:
        InputError: a mask cannot be used, or the data are no 1H volume.
    """
    if options.lipids is None and not options.align:
        return Cleaning(), ()
    brain = np.asarray(layout.volume(np.ones(len(layout.rows))).reshape(*layout.space, -1).any(axis=-1))
    notes: tuple[str, ...] = ()
    words: list[str] = []
    operator = None
    whole = data
    if options.lipids is not None:
        skull = lipid_mask_from_data(data) if options.lipids == AUTO else read_mask(options.lipids)[0] > 0
        operator = lipid_operator(data, skull & ~brain, options.lipid_strength, mask=brain) if skull.any() else None
        if operator is None or not operator.rank or operator.beta == 0:
            notes += ("Lipids were to be suppressed, but none were found that stand out; nothing was done.",)
            operator = None
        else:
            words.append(f"lipids suppressed (L2, {operator.rank} directions, strength {operator.beta:.3g})")
            whole = data.with_fid(np.asarray(apply_lipid_operator(jnp.asarray(data.fid), operator)))
    shift = phase = None
    if options.align:
        aligned = align_voxels(whole, brain)
        shift, phase = aligned.shift_hz.reshape(-1), aligned.phase_rad.reshape(-1)
        words.append("voxels aligned in frequency and phase before the fit")
        notes += (
            "Voxels were aligned before the fit: shift and phase are what was left after that; what was taken off is "
            "in maps/aligned_shift_hz.nii.gz and maps/aligned_phase_rad.nii.gz.",
        )
    return Cleaning(operator, shift, phase, "; ".join(words) or "none"), notes
