"""A head drawn with ellipsoids, capsules and folds, and averaged to the volume fractions of voxels.

Coordinates are mm in the sense of NIfTI: x to the right, y to the front, z to the top, (0, 0, 0) in the middle of the
third ventricle. Sizes are those of an adult; both hemispheres are mirror images, but for the tumour in the left one.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import distance_transform_edt

from diffmrs.errors import InputError

FIELD_OF_VIEW_MM = 220.0  # in the plane
_SLAB_MM, _THICKEST_MM, _MIDDLE_MM = 84.0, 10.0, 14.0  # what the slices cover, at most how thick, and around which z
FINER = 4  # points of the drawing per voxel and axis
_HEAD, _HEAD_CENTRE = (76.0, 95.0, 84.0), (0.0, 0.0, 10.0)  # semi-axes to the skin
_SKIN, _FAT, _BONE = 1.5, 5.0, 5.5  # thickness, mm
_CORTEX, _FLUID = 3.5, 2.2  # of the cortex, and of the fluid around it, mm
_FOLDS = 7.0  # sulci per radian

# Lateral ventricles, right side: capsules from point to point with a radius at each end, mm.
_VENTRICLES = (
    ((5.5, 12.0, 17.0), (12.0, 33.0, 9.0), 5.5, 5.0),
    ((5.5, 12.0, 17.0), (9.5, -20.0, 22.0), 5.5, 6.0),
    ((9.5, -20.0, 22.0), (23.0, -42.0, 13.0), 6.0, 8.0),
    ((23.0, -42.0, 13.0), (21.0, -60.0, 9.0), 7.0, 3.5),
)
# Grey matter within, right side: centre and semi-axes, mm. Thalamus, head of the caudate nucleus, putamen.
_NUCLEI = (
    ((11.0, -16.0, 8.0), (8.5, 13.0, 10.0)),
    ((15.0, 14.0, 10.0), (4.5, 9.0, 12.0)),
    ((27.0, 3.0, 4.0), (5.5, 15.0, 13.0)),
)
_TUMOUR_CENTRE, _TUMOUR, _NECROSIS, _OEDEMA = (-38.0, -20.0, 17.0), 17.0, 0.47, 1.5  # radius mm; the others: of that


@dataclass(frozen=True)
class Tissue:
    """Volume fractions of each voxel; they add up to 1. [x, y, z], float32

    Attributes:
        gm: grey matter.
        wm: white matter.
        csf: cerebrospinal fluid.
        tumour: vital tumour, as in a glioma of high grade.
        necrosis: its dead core.
        oedema: white matter swollen around it.
        fat: below the skin.
        air: air, bone and skin: all without signal.
    """

    gm: np.ndarray
    wm: np.ndarray
    csf: np.ndarray
    tumour: np.ndarray
    necrosis: np.ndarray
    oedema: np.ndarray
    fat: np.ndarray
    air: np.ndarray

    @property
    def lesion(self) -> np.ndarray:
        """Tumour, necrosis and oedema together."""
        return self.tumour + self.necrosis + self.oedema

    @property
    def inside(self) -> np.ndarray:
        """All that lies within the skull."""
        return self.gm + self.wm + self.csf + self.lesion


PARTS = tuple(field.name for field in fields(Tissue))


def voxel_mm(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Edges of a voxel: 220 mm in the plane, 84 mm along z, but no slice is thicker than 10 mm."""
    nx, ny, nz = shape
    return FIELD_OF_VIEW_MM / nx, FIELD_OF_VIEW_MM / ny, min(_SLAB_MM / nz, _THICKEST_MM)


def voxel_centres(shape: tuple[int, int, int], finer: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions along x, y and z, mm, of voxels or of parts of voxels.

    Args:
        shape: voxels along x, y and z.
        finer: parts of each voxel along each axis.
    """
    counts = [finer * count for count in shape]
    steps = [edge / finer for edge in voxel_mm(shape)]
    x, y, z = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(counts, steps, strict=True))
    return x, y, z + _MIDDLE_MM


def head_tissue(shape: tuple[int, int, int], *, tumour: bool = True) -> Tissue:
    """Volume fractions of a head in axial slices; drawn four times finer along each axis and averaged.

    Args:
        shape: voxels along x (to the right), y (to the front) and z (to the top). They cover 220 × 220 mm, and 84 mm
            along z from the temporal lobes to the vertex; fewer than 9 slices are 10 mm thick and lie in the middle,
            where the ventricles are.
        tumour: whether there is a tumour in the left hemisphere.

    Raises:
        InputError: a side has no voxel, or x or y fewer than 8.
    """
    check_shape(shape)
    x, y, z = voxel_centres(shape, FINER)
    nx, ny, nz = shape
    volumes = np.zeros((len(PARTS), nx, ny, nz), np.float32)
    for k, height in enumerate(z):
        labels = _slice(x, y, float(height), tumour)
        for part in range(len(PARTS)):
            share = (labels == part).reshape(nx, FINER, ny, FINER).mean(axis=(1, 3))
            volumes[part, :, :, k // FINER] += share / FINER
    return Tissue(**dict(zip(PARTS, volumes, strict=True)))


def fat_slice(x: np.ndarray, y: np.ndarray, z: float) -> np.ndarray:
    """Whether there is fat at each point of a slice, mm. [x, y]"""
    depth = _depth(x, y, z)
    return (depth > _SKIN) & (depth <= _SKIN + _FAT)


def check_shape(shape: tuple[int, int, int]) -> None:
    """Refuse shapes that cannot show a head."""
    if len(shape) != 3 or min(shape[:2]) < 8 or shape[2] < 1:
        raise InputError(f"the head has the shape {tuple(shape)}; x and y need at least 8 voxels, z at least 1")


def _slice(x: np.ndarray, y: np.ndarray, z: float, tumour: bool) -> np.ndarray:
    """What is at each point of an axial slice, as an index into `PARTS`. [x, y]"""
    right, front = np.abs(x)[:, None], y[None]  # mirror images
    depth = _depth(x, y, z) - _SKIN - _FAT - _BONE  # below the inner table of the skull
    fluid = (depth > 0) & (_sulci(right, front, z, depth) | _fissures(right, front, z) | (depth < _FLUID))
    step = (x[1] - x[0], y[1] - y[0])
    beside = distance_transform_edt(~fluid & (depth > 0), sampling=step) if fluid.any() else np.full(depth.shape, 1e9)
    ventricle = _inner_fluid(right, front, z) & (depth > 10)
    cortex = (beside < _CORTEX) | (depth < _FLUID + _CORTEX)
    label = np.full(depth.shape, PARTS.index("air"))
    label[fat_slice(x, y, z)] = PARTS.index("fat")
    label[depth > 0] = PARTS.index("wm")
    label[(depth > 0) & (cortex | _nuclei(right, front, z))] = PARTS.index("gm")
    label[fluid | ventricle] = PARTS.index("csf")
    if tumour:
        radius, inside = _tumour_radius(x, y, z), depth > _FLUID
        label[inside & (radius < _OEDEMA) & (label == PARTS.index("wm"))] = PARTS.index("oedema")
        label[inside & (radius < 1) & ~ventricle] = PARTS.index("tumour")
        label[inside & (radius < _NECROSIS)] = PARTS.index("necrosis")
    return label


def _depth(x: np.ndarray, y: np.ndarray, z: float) -> np.ndarray:
    """About how deep below the skin, mm: exact along the axes of the ellipsoid, whose forehead is the narrow end."""
    (a, b, c), (x0, y0, z0) = _HEAD, _HEAD_CENTRE
    side, front = np.abs(x - x0)[:, None], (y - y0)[None]
    narrow = 1 - 0.10 * front / b + 0.06 * (front / b) ** 2
    ratio = np.sqrt((side / (a * narrow)) ** 2 + (front / b) ** 2 + ((z - z0) / c) ** 2)
    slope = np.sqrt((side / a**2) ** 2 + (front / b**2) ** 2 + ((z - z0) / c**2) ** 2) / np.maximum(ratio, 1e-6)
    return (1 - ratio) / np.maximum(slope, 1 / c)


def _sulci(right: np.ndarray, front: np.ndarray, z: float, depth: np.ndarray) -> np.ndarray:
    """Fluid between the folds: sheets that wind inwards from the surface, each to a depth of its own."""
    angle = np.arctan2(front + 0 * right, right + 0 * front)  # -90 degrees at the back, 90 at the front
    wind = 0.08 * np.sin(depth / 5 + 5 * angle) + 0.05 * np.sin(depth / 2.8 - 9 * angle + z / 9)
    phase = _FOLDS * (angle + wind + 0.07 * np.sin(3 * angle + z / 14) + 0.004 * z)
    number = np.round(phase)
    reach = 16 + 8 * np.sin(2.4 * number + z / 21) * np.cos(1.1 * number)
    width = 0.65 + 0.35 * np.clip(1 - depth / 14, 0, 1)  # half, mm
    return (np.abs(phase - number) / _FOLDS * np.hypot(right, front) < width) & (depth < reach)


def _fissures(right: np.ndarray, front: np.ndarray, z: float) -> np.ndarray:
    """The cleft between the hemispheres, above and around the corpus callosum, and the Sylvian fissure."""
    reach = 1 - ((z - 4) / 26) ** 2  # of the corpus callosum and what is below, along the midline
    front_end, back_end = (40 * np.sqrt(reach), -48 * np.sqrt(reach)) if reach > 0 else (0.0, 0.0)
    wavy = np.sin(front / 7 + z / 11)
    apart = (front > front_end) | (front < back_end)
    cleft = (right < 1.2 + 0.15 * wavy) & apart
    phase = (front + 3 * np.sin(right / 4 + z / 10) + 0.3 * z) / 15  # folds that open into the cleft
    medial = (np.abs(phase - np.round(phase)) * 15 < 0.65) & (right < 9 + 4 * np.sin(2 * np.round(phase) + z / 15))
    opening = 2.3 * np.sqrt(max(0.0, 1 - ((z - 2) / 24) ** 2))  # half the width, mm
    line = 6 - 0.35 * (right - 40) + 2.5 * np.sin(right / 5)
    sylvian = (np.abs(front - line) < opening * np.clip((right - 36) / 12, 0.35, 1)) & (right > 37)
    insula = (np.abs(right - 38 - ((front - 4) / 11) ** 2) < 0.6 * opening) & (np.abs(front - 4) < 15)
    return cleft | (medial & apart) | sylvian | insula


def _inner_fluid(right: np.ndarray, front: np.ndarray, z: float) -> np.ndarray:
    """The lateral ventricles, apart by a septum, and the third."""
    third = (right < 1.8) & (((front + 10) / 13) ** 2 + ((z - 2) / 9) ** 2 < 1)
    lateral = np.zeros(third.shape, bool)
    for start, end, first, last in _VENTRICLES:
        along = np.subtract(end, start)
        offset = (right - start[0], front - start[1], z - start[2])
        share = np.clip(sum(o * a for o, a in zip(offset, along, strict=True)) / (along @ along), 0, 1)
        distance = sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True))
        lateral |= distance < (first + share * (last - first)) ** 2
    return third | (lateral & (right > 1.2))


def _nuclei(right: np.ndarray, front: np.ndarray, z: float) -> np.ndarray:
    inside = np.zeros(np.broadcast_shapes(right.shape, front.shape), bool)
    for (x0, y0, z0), (a, b, c) in _NUCLEI:
        inside |= ((right - x0) / a) ** 2 + ((front - y0) / b) ** 2 + ((z - z0) / c) ** 2 < 1
    return inside


def _tumour_radius(x: np.ndarray, y: np.ndarray, z: float) -> np.ndarray:
    """Distance from its centre over the radius of the tumour in that direction."""
    dx, dy, dz = x[:, None] - _TUMOUR_CENTRE[0], y[None] - _TUMOUR_CENTRE[1], z - _TUMOUR_CENTRE[2]
    angle = np.arctan2(dy, dx)
    uneven = 1 + 0.13 * np.sin(3 * angle + dz / 9) + 0.07 * np.sin(5 * angle + 1)
    return np.sqrt(dx**2 + (dy / 1.15) ** 2 + dz**2) / (_TUMOUR * uneven)
