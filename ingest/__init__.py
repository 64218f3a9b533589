"""Takes recordings in: from a dock or an interview suite to a verified master with a receipt.

May import: evidence.  Imported by: api.
Begin with intake.py, which tells one arrival's whole life on the server. The program that runs
beside the camera is `ingest.agent`; it stands apart and imports nothing of ours.
"""
