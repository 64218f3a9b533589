"""The front desk: pages, the JSON API, the dock protocol and the command line. The only room that knows HTTP.

May import: evidence, ingest, transcode, retention.  Imported by: nobody.
Begin with app.py, which puts the application together; then authentication.py, then pages/.
"""
