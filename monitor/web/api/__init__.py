"""The API that people's tools speak, on the inner listener."""
