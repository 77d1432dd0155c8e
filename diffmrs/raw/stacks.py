"""Raw data as one array whose axes have a meaning: series, receive coils, conditions, transients, points."""

from dataclasses import dataclass

import numpy as np

from diffmrs.data import Header, MRSData

_COIL, _EDIT, _TRANSIENT = "DIM_COIL", "DIM_EDIT", "DIM_DYN"


@dataclass(frozen=True)
class Stack:
    """The FIDs of a file, and where each sat.

    A series is what is cleaned by itself: a voxel, or an index of a dimension that has no meaning here.

    Attributes:
        fid: the FIDs. [series, coils, conditions, transients, points]
        space: voxels along x, y and z.
        kept: tag and size of the dimensions beyond space that count as series.
        order: the tags as they stood in the file.
        source: the file's data, for sampling and header.
    """

    fid: np.ndarray
    space: tuple[int, ...]
    kept: tuple[tuple[str, int], ...]
    order: tuple[str, ...]
    source: MRSData

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return self.fid.shape[0]

    def places(self) -> list[str]:
        """Each series in words; empty when there is only one."""
        if self.n_series == 1:
            return [""]
        sizes = (*self.space, *(size for _, size in self.kept))
        names = ("x", "y", "z", *(tag for tag, _ in self.kept))
        shown = [k for k, size in enumerate(sizes) if size > 1]
        return [", ".join(f"{names[k]} {index[k]}" for k in shown) for index in np.ndindex(*sizes)]

    def restored(self, fid: np.ndarray, header: Header, *, edited: bool = True) -> MRSData:
        """Cleaned FIDs in the order of the file, without the dimensions that are gone.

        Args:
            fid: [series, conditions, transients, points]; transients of size 1 are gone.
            header: what the new file says.
            edited: whether the conditions are still a dimension.
        """
        tags = [tag for tag, _ in self.kept]
        shape = [*self.space, *(size for _, size in self.kept)]
        for tag, size, there in (
            (_EDIT, fid.shape[1], edited and _EDIT in self.order),
            (_TRANSIENT, fid.shape[2], fid.shape[2] > 1),
        ):
            if there:
                tags.append(tag)
                shape.append(size)
        found = fid.reshape(*shape, fid.shape[-1])
        wanted = [tag for tag in self.order if tag in tags]
        n_space = len(self.space)
        axes = [n_space + tags.index(tag) for tag in wanted]
        found = found.transpose(*range(n_space), *axes, found.ndim - 1)
        return MRSData(found, self.source.acquisition, tuple(wanted), header)


def stack_of(data: MRSData) -> Stack:
    """Sort the dimensions of a measurement by what they mean.

    Args:
        data: as read from a file, [x, y, z, *extra, points]; data without tags are a single series of one transient
            for each leading index.
    """
    n_space = data.fid.ndim - 1 - len(data.dim_tags)
    space, tags = tuple(data.fid.shape[:n_space]), data.dim_tags
    sizes = dict(zip(tags, data.fid.shape[n_space:-1], strict=True))
    kept = tuple((tag, size) for tag, size in sizes.items() if tag not in (_COIL, _EDIT, _TRANSIENT))
    moved = [*(tag for tag, _ in kept), *(tag for tag in (_COIL, _EDIT, _TRANSIENT) if tag in tags)]
    axes = [n_space + tags.index(tag) for tag in moved]
    fid = np.asarray(data.fid).transpose(*range(n_space), *axes, data.fid.ndim - 1)
    shape = (-1, *(sizes.get(tag, 1) for tag in (_COIL, _EDIT, _TRANSIENT)), data.n_points)
    return Stack(fid.reshape(shape), space, kept, tags, data)
