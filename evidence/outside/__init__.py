"""What the log asks of others: keys to sign with, witnesses that cosign, authorities that say what time it is.

Nothing here may ever hold the log up: whoever is away, slow or lying becomes an incident, and events go on.
"""
