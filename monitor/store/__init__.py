"""Where decisions become durable."""
