"""The custody log: what happened to which exhibit, by whom, when; append-only.

Write through `ledger.record` inside the transaction that makes the change, and in no other way.
The leaf is canonical JSON (RFC 8785, narrowed); its hash is the RFC 6962 leaf hash.
"""
