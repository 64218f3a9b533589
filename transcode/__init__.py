"""Makes working copies from masters. Never changes a master.

May import: evidence.  Imported by: api.
Begin with render.py, which tells one rendition's whole life. Media bytes are untrusted: they are read only by
children that sandbox.py has shut in and child.py watches; what such a child says is checked before it is believed.
"""
