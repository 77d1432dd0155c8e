"""One NIfTI image per quantity and metabolite, on the geometry of the input."""

import io
import re
from gzip import GzipFile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from diffmrs.data import Header
from diffmrs.io.atomic import atomic_write
from diffmrs.io.volume import nifti_header_of
from diffmrs.quality import Quality
from diffmrs.results.layout import Layout
from diffmrs.results.table import CONCENTRATIONS, MetaboliteTable

METABOLITE_MAPS = ("amplitude", "sd", "crlb_percent", "ratio_tcr", *CONCENTRATIONS, "prior_percent")
QUALITY_MAPS = ("snr", "linewidth_hz", "shift_ppm", "phase_deg", "chi2_reduced", "noise_sd")


def write_maps(folder: Path, table: MetaboliteTable, quality: Quality, layout: Layout, header: Header) -> list[Path]:
    """Write `QUANTITY_METABOLITE.nii.gz` for each metabolite and sum, the `QUALITY_MAPS`, `converged`, `flags`.

    Voxels that were not fitted hold 0; `converged.nii.gz` is 1 where a fit converged; `flags.nii.gz` is the sum of
    2 to the power of the place of each raised flag in `diffmrs.quality.FLAGS`. A quantity that exists nowhere
    (concentrations without a water reference, `prior_percent` without constraints on ratios) gets no map.

    Args:
        folder: where to write; must exist.
        table: numbers per metabolite.
        quality: numbers per spectrum.
        layout: where each spectrum belongs.
        header: of the data, for the geometry.

    Returns:
        The files written.

    Raises:
        InputError: a file cannot be written.
    """
    written = []

    def write(name: str, values: np.ndarray) -> None:
        path = folder / f"{name}.nii.gz"
        write_map(path, values, layout, header)
        written.append(path)

    for quantity in METABOLITE_MAPS:
        values = getattr(table, quantity)
        if np.isfinite(values).any():
            for k, name in enumerate(table.names):
                write(f"{quantity}_{_file_name(name)}", values[:, k])
    for quantity in QUALITY_MAPS:
        write(quantity, getattr(quality, quantity))
    write("converged", quality.converged.astype(float))
    write("flags", quality.flags.bit_mask().astype(float))
    return written


def write_map(path: Path, values: np.ndarray, layout: Layout, header: Header) -> None:
    """Write one number of each fitted spectrum as an image, 0 elsewhere.

    Args:
        path: ends in `.nii.gz`.
        values: of the spectra. [spectra]
        layout: where each belongs.
        header: of the data, for the geometry.

    Raises:
        InputError: the file cannot be written.
    """
    _write_image(path, layout.volume(np.where(np.isfinite(values), values, 0.0)), header)


def lies_elsewhere(affine: np.ndarray, header: Header) -> bool:
    """Whether an image with this affine covers another place than the data, by more than a hundredth of a voxel."""
    source = nifti_header_of(header)
    if source is None:
        return False
    ours = source.get_best_affine()
    return bool(np.abs(affine - ours).max() > 0.01 * np.abs(ours[:3, :3]).max())


def _file_name(metabolite: str) -> str:
    return re.sub(r"[^\w.+-]", "_", metabolite)


def _write_image(path: Path, volume: np.ndarray, header: Header) -> None:
    image: Any = nib.Nifti1Image(volume, None)
    source = nifti_header_of(header)
    if source is not None:
        image.set_sform(source.get_sform(), int(source["sform_code"]))
        image.set_qform(source.get_qform(), int(source["qform_code"]))
        image.header.set_zooms((*source.get_zooms()[:3], *image.header.get_zooms()[3:]))
        image.header.set_xyzt_units(xyz="mm")
    packed = io.BytesIO(image.to_bytes())
    with atomic_write(path) as stream, GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as zipped:
        zipped.write(packed.getvalue())
