"""Sample history: what checks saw, in a file of its own beside the store. It may fail; nothing else does then."""
