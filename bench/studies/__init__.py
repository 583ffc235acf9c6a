"""Studies: what assertions and bounds do to kernels, honest, defective and hostile."""
