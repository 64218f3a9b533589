"""Gives each event its number, builds the log's tree in the store, and publishes signed checkpoints.

opening.py looks before anything is written whether database and store tell the same story; numbering.py gives
numbers; integrating.py turns them into tiles and bundles; publishing.py signs; sequencer.py tells the story and
runs it. rollforward.py puts into a restored database what the store has. reading.py is for everybody else.
"""

from evidence.sequencing.reading import await_published

__all__ = ["await_published"]
