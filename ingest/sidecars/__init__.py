"""Sidecars: the files that cameras and recorders write beside their recordings.

A sidecar is kept as evidence like any other file; what it states is shown as stated and settles nothing. Three
questions, all pure: `kind_of` (is this name a sidecar's), `Listing` and `belongs_to` (beside which recording),
`read` (what does it state). `as_row` and `from_row` carry the answer through the database. No bytes of a sidecar
can raise; whatever is odd becomes a finding.

May import: evidence.vocabulary, and of ingest only names, stated, findings and display.
"""

from ingest.sidecars.belonging import Listing, belongs_to
from ingest.sidecars.kinds import SidecarKind, kind_of
from ingest.sidecars.mapping import EXAMPLES, MappingRefused, SidecarMapping, mappings_from_toml
from ingest.sidecars.reading import BODY_LIMIT, read
from ingest.sidecars.rows import as_row, from_row
from ingest.sidecars.statement import ClaimedDigest, Position, SidecarFacts, Track

__all__ = [
    "BODY_LIMIT",
    "EXAMPLES",
    "ClaimedDigest",
    "Listing",
    "MappingRefused",
    "Position",
    "SidecarFacts",
    "SidecarKind",
    "SidecarMapping",
    "Track",
    "as_row",
    "belongs_to",
    "from_row",
    "kind_of",
    "mappings_from_toml",
    "read",
]
