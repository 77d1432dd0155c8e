"""`volume.html`: one page to look into every voxel of a fitted volume, which loads nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.panels.budget import LIMIT_BYTES
from diffmrs.panels.content import VolumeContent
from diffmrs.panels.packing import packed, safe_json
from diffmrs.panels.view import view_of
from diffmrs.provenance import now, sha256_of, versions
from diffmrs.quality import FLAGS
from diffmrs.report import POOR_PERCENT, WEAK_PERCENT

_ON_THE_PAGE = ("volume.css", "volume_data.js", "volume_maps.js", "volume_voxel.js", "volume.js")


def write_volume_page(
    path: Path,
    content: VolumeContent,
    *,
    title: str = "MRSI fit",
    affine: np.ndarray | None = None,
    extra_names: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    inputs: Sequence[Path] = (),
    notes: Sequence[str] = (),
    limit_bytes: int = LIMIT_BYTES,
) -> None:
    """Write the page of a fitted volume: maps, and beside them the spectrum and the numbers of a chosen voxel.

    `#voxel=X,Y,Z,S` at the end of its address opens it at a voxel and a spectrum of that voxel.

    Args:
        path: the HTML file.
        content: from `page_content`.
        title: heading, such as the name of the data file.
        affine: voxels to mm, for the orientation, [4, 4].
        extra_names: of the extra dimensions, such as "DIM_DYN".
        settings: what the fit was told, in words.
        inputs: files that were read; their SHA-256 is given.
        notes: what a reader must know, one paragraph each.
        limit_bytes: size of the file; what does not fit is left out evenly, and the page says so.

    Raises:
        InputError: nothing was fitted, there is no map or no amplitude, or the file cannot be written.
    """
    if not content.n_spectra:
        raise InputError("no spectrum was fitted; there is nothing to show on a page")
    if not content.maps or not {"amplitude", "crlb_percent"} <= set(content.numbers):
        raise InputError(
            f"there are {len(content.maps)} maps and as numbers {', '.join(content.numbers) or 'none'}; a page needs "
            "a map, amplitude and crlb_percent"
        )
    environment = Environment(loader=PackageLoader("diffmrs"), autoescape=True, undefined=StrictUndefined)
    assert environment.loader is not None
    view = view_of(content.layout.space, affine)
    meta, blobs, left_out = packed(content, view, limit_bytes)
    meta |= {"extraNames": list(extra_names), "weakPercent": WEAK_PERCENT, "poorPercent": POOR_PERCENT}
    parts = {name: Markup(environment.loader.get_source(environment, name)[0]) for name in _ON_THE_PAGE}
    page = environment.get_template("volume.html.j2").render(
        title=title,
        date=now(),
        notes=[*_warnings(content), *notes],
        left_out=left_out,
        flagged=_flagged(content),
        maps=content.maps,
        view=view,
        style=parts.pop("volume.css"),
        scripts=list(parts.values()),
        meta=Markup(safe_json(meta)),
        blobs=blobs,
        settings=dict(settings or {}),
        inputs=[(str(file), sha256_of(file)) for file in inputs],
        versions=versions(),
    )
    with atomic_write(path, text=True) as stream:
        stream.write(page)


def _warnings(content: VolumeContent) -> list[str]:
    marked = int(content.marked.sum())
    if not marked:
        return []
    return [
        f"Not to be used, and struck through: {marked} of {content.n_spectra} spectra (severe flag, or not converged)."
    ]


def _flagged(content: VolumeContent) -> list[dict[str, Any]]:
    """Each flag that is raised, and how often."""
    counts = [int(((content.flags >> bit) & 1).sum()) for bit in range(len(FLAGS))]
    return [
        {"name": flag.name, "severe": flag.severe, "meaning": flag.meaning, "count": count}
        for flag, count in zip(FLAGS, counts, strict=True)
        if count
    ]
