"""From a fit to the numbers people use: tables, files and maps."""

from diffmrs.results.csv_files import write_concentrations, write_quality
from diffmrs.results.layout import Layout
from diffmrs.results.maps import write_map, write_maps
from diffmrs.results.table import MetaboliteTable, table_of

__all__ = ["Layout", "MetaboliteTable", "table_of", "write_concentrations", "write_map", "write_maps", "write_quality"]
