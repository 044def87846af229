"""Training tasks: the samples, loss and metrics of each net."""
