"""Whether all is there: of the log, of each subject's events, and of the bytes in the store.

headmap.py says how far each subject had come at one size of the log. census.py counts what the store really holds
against what it should hold. fsck.py holds the database against the tiles in the store and against the signed root.
What each finds is a claim with a verdict and a sentence (claims.py), never one tick.
"""
