"""The package in CASE/UCO, the vocabulary of forensic laboratories: exhibits, digests, and what was done. Pure.

One JSON-LD graph that `case_validate` accepts. It repeats what events and manifests say and proves nothing of itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from evidence.package.contents import Exhibit

UCO = "https://ontology.unifiedcyberontology.org/uco"
CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "uco-action": f"{UCO}/action/",
    "uco-core": f"{UCO}/core/",
    "uco-identity": f"{UCO}/identity/",
    "uco-observable": f"{UCO}/observable/",
    "uco-tool": f"{UCO}/tool/",
    "uco-types": f"{UCO}/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
DIGESTS = {"sha256": "SHA256", "sha512": "SHA512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One event as a laboratory reads it. `at` is ISO 8601 in UTC; `actor_kind` is a word of ActorKind."""

    id: UUID
    seq: int
    recording: UUID
    at: str
    type: str
    sentence: str
    actor_kind: str
    actor_ref: str
    actor: str


def case_jsonld(log: str, exhibits: Sequence[Exhibit], acts: Sequence[Act]) -> bytes:
    """The graph, as UTF-8."""
    graph: list[dict[str, Any]] = []
    masters: dict[UUID, str] = {}
    for exhibit in exhibits:
        graph += _exhibit(exhibit)
        masters[exhibit.recording] = _file_iri(exhibit.recording, exhibit.master.path)
    actors = {(act.actor_kind, act.actor_ref): act for act in acts}
    graph += [_actor(act) for act in actors.values()]
    graph += [_action(act, log, masters) for act in acts if act.recording in masters]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False).encode() + b"\n"


def _exhibit(exhibit: Exhibit) -> Iterator[dict[str, Any]]:
    master = exhibit.master
    whole = {"sha256": master.sha256, "sha512": master.sha512}
    yield _file(exhibit.recording, master.path, master.size, whole)
    yield {
        "@id": _iri(exhibit.recording, "provenance"),
        "@type": "case-investigation:ProvenanceRecord",
        "uco-core:description": f"Master of {exhibit.reference}, {exhibit.condition}",
        "case-investigation:exhibitNumber": exhibit.reference,
        "uco-core:object": [{"@id": _file_iri(exhibit.recording, master.path)}],
    }
    for copy in exhibit.working:
        yield _file(exhibit.recording, copy.path, copy.size, {"sha256": copy.sha256})
        yield {
            "@id": _iri(exhibit.recording, f"derived {copy.path}"),
            "@type": "uco-observable:ObservableRelationship",
            "uco-core:source": {"@id": _file_iri(exhibit.recording, copy.path)},
            "uco-core:target": {"@id": _file_iri(exhibit.recording, master.path)},
            "uco-core:kindOfRelationship": "Derived_From",
            "uco-core:isDirectional": _typed("boolean", "true"),
            "uco-core:description": f"{copy.kind} copy, method: {copy.method}",
        }


def _file(recording: UUID, path: str, size: int, digests: Mapping[str, str]) -> dict[str, Any]:
    hashes = [
        {
            "@id": _iri(recording, f"{name} {path}"),
            "@type": "uco-types:Hash",
            "uco-types:hashMethod": DIGESTS[name],
            "uco-types:hashValue": _typed("hexBinary", value),
        }
        for name, value in digests.items()
    ]
    facets = [
        {
            "@id": _iri(recording, f"file {path}"),
            "@type": "uco-observable:FileFacet",
            "uco-observable:fileName": path.rsplit("/", 1)[1],
            "uco-observable:filePath": path,
            "uco-observable:sizeInBytes": _typed("integer", str(size)),
        },
        {
            "@id": _iri(recording, f"content {path}"),
            "@type": "uco-observable:ContentDataFacet",
            "uco-observable:hash": hashes,
            "uco-observable:sizeInBytes": _typed("integer", str(size)),
        },
    ]
    return {"@id": _file_iri(recording, path), "@type": "uco-observable:File", "uco-core:hasFacet": facets}


def _actor(act: Act) -> dict[str, Any]:
    if act.actor_kind == "person":
        return {"@id": _actor_iri(act), "@type": "uco-identity:Person", "uco-core:name": act.actor}
    return {
        "@id": _actor_iri(act),
        "@type": "uco-tool:Tool",
        "uco-core:name": act.actor,
        "uco-core:description": act.actor_kind,
    }


def _action(act: Act, log: str, masters: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "@id": _iri(act.recording, f"event {act.id}"),  # the vocabulary knows no UUIDv7
        "@type": "case-investigation:InvestigativeAction",
        "uco-core:name": act.type,
        "uco-core:description": f"{act.sentence} (event {act.seq} of the log {log}, {act.id})",
        "uco-action:startTime": _typed("dateTime", act.at),
        "uco-action:endTime": _typed("dateTime", act.at),
        "uco-action:performer": {"@id": _actor_iri(act)},
        "uco-action:object": [{"@id": masters[act.recording]}],
    }


def _typed(kind: str, value: str) -> dict[str, str]:
    return {"@type": f"xsd:{kind}", "@value": value}


def _iri(recording: UUID, what: str) -> str:
    """A name that is the same whenever the same thing is named."""
    return f"urn:uuid:{uuid5(recording, what)}"


def _file_iri(recording: UUID, path: str) -> str:
    return _iri(recording, f"bytes {path}")


def _actor_iri(act: Act) -> str:
    return f"urn:uuid:{uuid5(UUID(int=0), f'{act.actor_kind} {act.actor_ref}')}"
