"""A cluster of three nodes on one machine, and what is done to it."""
