"""Certificates: the machine-checked induction theorem, stated and proved for one given network."""

from .certificate import Certificate, certify_network
from .checking import AXIOMS, Checked
from .conditions import Checks, check_conditions
from .development import INSTALL, compiled_development, coq

__all__ = [
    "AXIOMS", "INSTALL", "Certificate", "Checked", "Checks", "certify_network",
    "check_conditions", "compiled_development", "coq",
]  # fmt: skip
