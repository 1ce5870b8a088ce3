"""Who is on shift, who is told next, and how they say that they are on it."""
