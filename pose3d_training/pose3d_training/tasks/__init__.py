"""Training tasks: what each net sees, what it should say, and how far off it is."""
