"""Read it: the derivation of a network as data, with its shapes and its numbers, and what prints it."""
