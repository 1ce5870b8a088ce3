"""Commands that ask the running daemon."""
