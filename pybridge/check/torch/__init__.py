"""PyTorch's results against the proved bounds."""
