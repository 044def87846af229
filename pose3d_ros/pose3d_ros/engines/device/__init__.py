"""The GPU's memory, streams and graphs, shared by every backend that runs there."""
