"""HTTP, inward and outward."""
