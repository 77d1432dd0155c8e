"""Sphinx: `sphinx-build docs docs/_build` after `pip install -e '.[docs]'`."""

project = "diffmrs"
author = "The diffmrs developers"
extensions = ["myst_nb", "sphinx_gallery.gen_gallery"]
html_theme = "sphinx_book_theme"
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
exclude_patterns = ["_build"]
sphinx_gallery_conf = {"examples_dirs": "../examples", "gallery_dirs": "auto_examples", "plot_gallery": False}
