"""Lean as WebAssembly: installs it and runs it under Node."""
