"""3D joints from the 2D joints of a pose model that gives no depth."""
