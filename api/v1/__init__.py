"""The JSON API, version 1: what other systems ask of this one.

Problem+json for errors, keyset pages, times in ISO 8601 and UTC. Pages and this may not import each other.
"""
