"""Benchmarks: backproof beside its peers, one script a claim. ``python -m benchmarks`` runs them."""
