"""Words for people: staff and customers, per language. Plain facts, no host names of ours to customers."""
