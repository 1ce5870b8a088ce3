"""Looking up names: a DNS client of our own on shared sockets, and a resolver that remembers for as long as it may."""
