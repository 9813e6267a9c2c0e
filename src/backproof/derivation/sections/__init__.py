"""The sections of a derivation, in reading order."""
