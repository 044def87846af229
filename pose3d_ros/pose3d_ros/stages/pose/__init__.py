"""Root depth and root-relative joints of each person, placed in camera space."""
