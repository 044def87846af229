"""Several calibrated cameras: their people as one set of people in a common frame."""
