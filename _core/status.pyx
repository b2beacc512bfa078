"""Status codes of all kernels; the enum lives in the interface file."""
