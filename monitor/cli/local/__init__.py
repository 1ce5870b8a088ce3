"""Commands that work right here, without a running daemon."""
