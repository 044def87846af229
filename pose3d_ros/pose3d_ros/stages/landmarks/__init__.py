"""People from MediaPipe's landmark net: what it says of a region, who is a person, and the body in metres."""
