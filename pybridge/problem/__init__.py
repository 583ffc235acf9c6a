"""What is asked: geometry, operands, formats, results and cases."""
