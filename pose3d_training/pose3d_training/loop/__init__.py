"""The training loop that every net shares, its recipes and checkpoints."""
