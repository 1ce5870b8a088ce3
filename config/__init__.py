"""YAML to typed values, or every complaint at once."""
