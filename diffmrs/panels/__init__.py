"""What a reader sees of a fitted volume: a figure of its maps, and a page to look into every voxel."""

from diffmrs.panels.budget import rows_with_curves
from diffmrs.panels.content import SpectrumMap, VolumeContent, page_content
from diffmrs.panels.figure import content_figure, map_figure
from diffmrs.panels.page import write_volume_page
from diffmrs.panels.spectra import VoxelCurves, voxel_curves
from diffmrs.panels.view import View, view_of

__all__ = [
    "SpectrumMap",
    "View",
    "VolumeContent",
    "VoxelCurves",
    "content_figure",
    "map_figure",
    "page_content",
    "rows_with_curves",
    "view_of",
    "voxel_curves",
    "write_volume_page",
]
