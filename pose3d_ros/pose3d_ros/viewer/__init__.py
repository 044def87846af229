"""A local browser page of the people: on the image, and in 3D over the floor."""
