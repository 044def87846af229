"""Reads the documentation for its tests: pages, blocks, tables, and the commands in them."""
