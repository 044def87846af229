"""Many recordings, on this machine or on a Ray cluster."""
