"""A log that strangers can check: an RFC 6962 tree, and notes, checkpoints, proofs and policies of C2SP.

Knows nothing of recordings, tables or stores: bytes go in, bytes and verdicts come out. A witness runs on this alone.
"""
