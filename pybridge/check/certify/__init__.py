"""Certificates that Lean's kernel checks: the bounds that Python computed, as Lean theorems.

A certificate is a Lean file. It states the geometry, the operands and, for each result, a list of
`Claim`s: the rounded value of the entry at an index, and an upper bound of its error bound. Its
theorems state this of the library's own definitions, and are proved by `decide +kernel`: the kernel
evaluates the definitions, and no compiler or interpreter is trusted.

Lean: `RuntimeApprox.Certificate`, `RuntimeApprox.Certificate.Theorems`.
"""

from pybridge.check.certify.entries import CertifiedEntries, certified_entries
from pybridge.check.certify.source import certificate_source
from pybridge.check.certify.verdict import Verdict, check_certificate

__all__ = [
    "CertifiedEntries",
    "Verdict",
    "certificate_source",
    "certified_entries",
    "check_certificate",
]
