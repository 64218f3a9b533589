"""What the desk can look up: one query a question, answered with frozen values for pages and JSON alike.

Nothing here changes anything, and nothing here knows HTTP. Everything about recordings takes the asker, so that
no list holds what a page would refuse.
"""
