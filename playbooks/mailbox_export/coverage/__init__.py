"""What covers an export or a removal: one module for each kind of scenario."""
