"""A stand-in for the part of Segment's Public API that connects a webhook: one workspace.

`tests/local/segment_stand_in` checks its answers and the requests that it accepts against the types
of Segment's own SDK.
"""

from local.segment_stand_in.server import serve
from local.segment_stand_in.workspace import Exchange, Workspace

__all__ = ["Exchange", "Workspace", "serve"]
