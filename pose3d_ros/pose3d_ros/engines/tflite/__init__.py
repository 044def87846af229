"""TensorFlow Lite models read and written as ONNX graphs."""
