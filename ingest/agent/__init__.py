"""The dock and suite agent: carries files from a camera or recorder to the server, byte for byte.

It runs beside the dock with nothing but this package, the standard library, watchdog, urllib3 and cryptography;
it holds neither database nor store credentials. The server sends no commands: the agent offers, and is answered.
May import: nothing of ours outside itself.  Imported by: api (command line), ingest (digests only).
Begin with agent.py, which tells the whole round, then upload.py, which tells one file's.
"""
