"""A stand-in for Segment's Public API: one workspace, as far as a webhook is connected by it.

`tests/local/segment_stand_in` has its answers, and the requests that it takes, judged by the types
of Segment's own SDK.
"""

from local.segment_stand_in.server import serve
from local.segment_stand_in.workspace import Exchange, Workspace

__all__ = ["Exchange", "Workspace", "serve"]
