"""A frame's image on the host or the device: letterboxed, cropped and mirrored there."""
