"""The two containers: `MRSData`, what a scanner recorded, and `Basis`, what each metabolite looks like alone."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.pytree import container

ArrayLike = jax.Array | np.ndarray

_MACROMOLECULE = re.compile(r"^-?(mm|mac|lip)", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """What a file said beside the samples, kept so that it can be written back. Hashable, so it can be static.

    Attributes:
        meta_json: the NIfTI-MRS header extension, or its equivalent from another format, as JSON text.
        nifti: the binary NIfTI header (geometry, voxel size, intent), or None when the source was not NIfTI.
        extensions: further NIfTI header extensions as (code, content).
        source: name of the file it was read from.
    """

    meta_json: str = "{}"
    nifti: bytes | None = None
    extensions: tuple[tuple[int, bytes], ...] = ()
    source: str = ""

    @property
    def meta(self) -> dict[str, Any]:
        """The header extension as a fresh dictionary; changing it does not change this header."""
        return json.loads(self.meta_json)

    def with_meta(self, **entries: Any) -> "Header":
        """This header with entries added to, or replaced in, the header extension."""
        return replace(self, meta_json=json.dumps({**self.meta, **entries}))


@container(static=("acquisition", "dim_tags", "header"))
@dataclass(frozen=True)
class MRSData:
    """Measured FIDs. A frozen pytree: `fid` is the leaf, all else is static.

    Attributes:
        fid: complex samples, [x, y, z, *extra, points] as read from a file; any leading shape when built by hand.
        acquisition: dwell time, spectrometer frequency, nucleus and ppm reference.
        dim_tags: NIfTI-MRS tags of the extra dimensions (`"DIM_COIL"`, `"DIM_DYN"` …), one for each of the last
            leading axes.
        header: what else the file said.

    Raises:
        InputError: `fid` is not complex, has no points or more tags than axes.
    """

    fid: ArrayLike  # [*leading, points], complex
    acquisition: Acquisition
    dim_tags: tuple[str, ...] = ()
    header: Header = field(default_factory=Header)

    def __post_init__(self) -> None:
        _check_complex(self.fid, "data", min_ndim=1)
        if len(self.dim_tags) > self.fid.ndim - 1:
            raise InputError(
                f"data has {self.fid.ndim - 1} leading axes but {len(self.dim_tags)} dimension tags {self.dim_tags}"
            )
        object.__setattr__(self, "dim_tags", tuple(self.dim_tags))

    @property
    def n_points(self) -> int:
        """Samples per FID."""
        return self.fid.shape[-1]

    @property
    def n_spectra(self) -> int:
        """Number of FIDs."""
        return int(np.prod(self.fid.shape[:-1], dtype=int))

    @property
    def spectra(self) -> ArrayLike:
        """The FIDs in one row each, [n_spectra, points]."""
        return self.fid.reshape(-1, self.n_points)

    @property
    def time_s(self) -> np.ndarray:
        """Sample times, s."""
        return self.acquisition.time_s(self.n_points)

    @property
    def ppm(self) -> np.ndarray:
        """Chemical shift of each point of `diffmrs.axes.spectrum_of(fid)`, ppm, falling."""
        return self.acquisition.ppm(self.n_points)

    @property
    def echo_time_s(self) -> float | None:
        """Echo time, s, when the header has it."""
        return _positive(self.header.meta.get("EchoTime"))

    @property
    def repetition_time_s(self) -> float | None:
        """Repetition time, s, when the header has it."""
        return _positive(self.header.meta.get("RepetitionTime"))

    def with_fid(self, fid: ArrayLike) -> "MRSData":
        """The same measurement with other samples."""
        return replace(self, fid=fid)


@container(static=("acquisition", "names", "source"))
@dataclass(frozen=True)
class Basis:
    """The FID of each metabolite alone, at unit concentration. A frozen pytree: `fid` is the leaf.

    Attributes:
        fid: complex samples, [members, points].
        acquisition: dwell time, spectrometer frequency, nucleus and ppm reference.
        names: one name per member, all different.
        source: where it came from (file name, or how it was simulated).

    Raises:
        InputError: shapes and names do not match, a name occurs twice, or a sample is not finite.
    """

    fid: ArrayLike  # [members, points], complex
    acquisition: Acquisition
    names: tuple[str, ...]
    source: str = ""

    def __post_init__(self) -> None:
        _check_complex(self.fid, "basis", min_ndim=2)
        object.__setattr__(self, "names", tuple(self.names))
        if self.fid.ndim != 2 or self.fid.shape[0] != len(self.names):
            raise InputError(
                f"basis has shape {tuple(self.fid.shape)} but {len(self.names)} names; it must be [members, points]"
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise InputError(f"basis holds {', '.join(twice)} more than once; names must differ")
        if not isinstance(self.fid, jax.core.Tracer):
            bad = [n for n, row in zip(self.names, np.asarray(self.fid), strict=True) if not np.isfinite(row).all()]
            if bad:
                raise InputError(f"basis member {', '.join(bad)} holds NaN or infinite samples")
            empty = [n for n, row in zip(self.names, np.asarray(self.fid), strict=True) if not row.any()]
            if empty:
                raise InputError(f"basis member {', '.join(empty)} holds only zeros")

    @property
    def n_points(self) -> int:
        """Samples per member."""
        return self.fid.shape[-1]

    @property
    def time_s(self) -> np.ndarray:
        """Sample times, s."""
        return self.acquisition.time_s(self.n_points)

    @property
    def ppm(self) -> np.ndarray:
        """Chemical shift of each point of `diffmrs.axes.spectrum_of(fid)`, ppm, falling."""
        return self.acquisition.ppm(self.n_points)

    def index(self, name: str) -> int:
        """Row of a member.

        Raises:
            InputError: there is no such member.
        """
        if name not in self.names:
            raise InputError(f"basis has no member {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def select(self, names: Iterable[str]) -> "Basis":
        """The named members, in the order given."""
        chosen = tuple(names)
        rows = np.array([self.index(name) for name in chosen], dtype=int)
        return replace(self, fid=self.fid[rows], names=chosen)

    def without(self, names: Iterable[str]) -> "Basis":
        """All members but the named ones."""
        dropped = tuple(names)
        for name in dropped:
            self.index(name)
        return self.select(name for name in self.names if name not in dropped)

    def joined(self, other: "Basis") -> "Basis":
        """The members of this basis followed by those of `other`, which must be sampled alike."""
        if other.acquisition != self.acquisition or other.n_points != self.n_points:
            raise InputError("the two basis sets are sampled differently; resample one to the other first")
        fid = jnp.concatenate([jnp.asarray(self.fid), jnp.asarray(other.fid)])
        return replace(self, fid=fid, names=self.names + other.names)


def is_macromolecule(name: str) -> bool:
    """Whether a basis member is, by its name, a macromolecule or lipid (MM09, Mac, Lip13a …), not a metabolite."""
    return bool(_MACROMOLECULE.match(name))


def _check_complex(fid: Any, what: str, min_ndim: int) -> None:
    if not isinstance(fid, np.ndarray | jax.Array):
        raise InputError(f"{what} is a {type(fid).__name__}; it must be a complex array, time last")
    if not jnp.issubdtype(fid.dtype, jnp.complexfloating):
        raise InputError(f"{what} has type {fid.dtype}; FIDs are complex")
    if fid.ndim < min_ndim or fid.shape[-1] < 16 or 0 in fid.shape:
        raise InputError(f"{what} has shape {tuple(fid.shape)}; at least 16 points along the last axis are needed")


def _positive(value: Any) -> float | None:
    if isinstance(value, (int, float)) and np.isfinite(value) and value > 0:
        return float(value)
    return None
