"""What the launch files do: their arguments, presets of camera drivers, displays, and the actions made of them."""
