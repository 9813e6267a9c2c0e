"""``python -m backproof``: the command line."""

from .cli import main

main()
