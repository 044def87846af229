"""The TensorRT backend: plans built from ONNX models, cached, and run."""
