"""ONNX graphs made fit for TensorRT: FP16 or INT8 written into them, operators checked. Needs the package onnx."""
