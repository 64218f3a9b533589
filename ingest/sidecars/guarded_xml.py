"""XML from strangers: no document types, no entities, nothing fetched, bounded in depth and elements.

`defusedxml` parses and refuses; the bounds stand around it. Pure.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from typing_extensions import override

from ingest.findings import FindingCode, FindingList

DEPTH_LIMIT: Final = 64
ELEMENT_LIMIT: Final = 150_000
ATTRIBUTE_LIMIT: Final = 64


class _TooMuch(Exception):
    """The document passes a bound."""

    def __init__(self, code: FindingCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class _BoundedBuilder(TreeBuilder):
    """Builds the tree and stops at the bounds, before memory or the call stack is at stake."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.elements = 0

    @override
    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self.depth += 1
        self.elements += 1
        if self.depth > DEPTH_LIMIT:
            raise _TooMuch(FindingCode.TOO_DEEP, f"nested more than {DEPTH_LIMIT} levels deep; not read")
        if self.elements > ELEMENT_LIMIT or len(attrs) > ATTRIBUTE_LIMIT:
            raise _TooMuch(FindingCode.TOO_MANY, f"more than {ELEMENT_LIMIT} elements or {ATTRIBUTE_LIMIT} attributes")
        return super().start(tag, attrs)

    @override
    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)


def guarded_xml(body: bytes, findings: FindingList) -> Element | None:
    """Parse one document; None where there is none to be trusted, with findings that say why."""
    if not body.strip():
        findings.add(FindingCode.EMPTY, "there is nothing in it")
        return None
    parser = DefusedXMLParser(target=_BoundedBuilder(), forbid_dtd=True)
    try:
        parser.feed(body)
        root: Element = parser.close()
    except _TooMuch as bound:
        findings.add(bound.code, bound.sentence)
    except DefusedXmlException:
        findings.add(
            FindingCode.ENTITIES_REFUSED, "it declares a document type or entities, which recorders do not; not read"
        )
    except (ParseError, LookupError, ValueError) as error:
        findings.add(FindingCode.MALFORMED, f"not XML: {error}")
    else:
        return root
    return None


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]
