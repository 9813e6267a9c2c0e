"""The candidates, one module a library; each function takes a case and returns a ``Prepared``."""
