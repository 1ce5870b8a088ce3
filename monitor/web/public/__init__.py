"""What customers read, on the outer listener, and the link by which staff acknowledges."""
