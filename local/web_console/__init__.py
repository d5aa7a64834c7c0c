"""The console: a page on loopback that previews messages and shows what happens. Not deployed.

`server` answers the page's requests, and `local.guard` rejects every client except the page.
`journal` knows what became of each message, `watch` updates it once a second, and `static/` is the
page itself.
"""

from local.web_console.server import serve
from local.web_console.watching.journal import Journal

__all__ = ["Journal", "serve"]
