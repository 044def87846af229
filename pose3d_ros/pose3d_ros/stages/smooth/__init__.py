"""The temporal smoother."""
