"""HTTP for agents at docks and suites: who they are, what they offer, what they are told.

Bytes of video never come this way: they go straight to the store through addresses that are signed here.
Mounted below /api/dock/v1. Begin with routes.py.
"""

from __future__ import annotations

from api.dock_protocol.routes import DockDesk, router

__all__ = ["DockDesk", "router"]
