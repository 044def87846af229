"""The PyTorch backend, for a GPU on a machine without TensorRT."""
