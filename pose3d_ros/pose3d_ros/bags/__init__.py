"""Bags: one reader, one writer, the message types, and messages as records."""
