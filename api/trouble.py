"""What the command line says when something is not as it must be."""

from __future__ import annotations


class KnownTrouble(Exception):
    """Something that a person can mend, said in a sentence."""
