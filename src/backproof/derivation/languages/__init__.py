"""The words of a derivation, one module a language."""
