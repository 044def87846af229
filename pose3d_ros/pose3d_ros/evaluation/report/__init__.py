"""Reports: HTML, plots, tables."""
