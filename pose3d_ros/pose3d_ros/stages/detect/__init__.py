"""People's boxes in the image: one decoder for each kind of detector."""
