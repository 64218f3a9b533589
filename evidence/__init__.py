"""The records room: what is kept, where it is kept, who did what to it, and who may see it.

May import: nothing of ours.  Imported by: ingest, transcode, retention, api.
Begin with register.py, which tells how stored bytes become a recording.
"""
