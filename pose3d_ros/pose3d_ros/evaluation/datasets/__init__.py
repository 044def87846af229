"""Readers of public datasets into one record, and writers back."""
