"""The outward word to customers."""
