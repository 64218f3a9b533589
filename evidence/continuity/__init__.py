"""The continuity report: what a court is told of one exhibit, each line with its number in the log.

`gather` says what is known, `pdf` sets it on paper.
"""
