"""Background work: what the rooms ask of it, and nothing of how it is done.

A job is enqueued in the transaction of the row that it serves, and its result commits only behind `held`.
"""
