"""Will apply retention law: review, hold and disposal. Nothing here deletes anything yet.

May import: evidence.  Imported by: api.
Until this room is furnished every master is kept; lock dates are only ever extended.
"""
