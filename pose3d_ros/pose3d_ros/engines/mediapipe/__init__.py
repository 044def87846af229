"""MediaPipe's pose models: out of the packages that hold them, as ONNX graphs into a folder of models."""
