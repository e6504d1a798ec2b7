"""How Caddy serves a static app: text from plain data, like `caddy`."""

import string

from ..site_routes import Static
from ..tools import ASSETS
from .static import FILE_ENDINGS

_FALLBACK = """\
		@page {
			not file {path} {path}/index.html
			not path %s
		}
		rewrite @page /index.html
"""


def served(static: Static, path: str) -> list[str]:
    """Return the directives that serve a static app below a path.

    A browser asks for a page each time and gets it only when it has changed; hashed files it keeps
    for a year. What has no file is 404, with the app's own page if it has one.
    """
    endings = " ".join(f"*.{ending}" for ending in FILE_ENDINGS)
    text = string.Template((ASSETS / "caddy" / "static.caddy").read_text()).substitute(
        folder=static.live, fallback=_FALLBACK % endings if static.single_page else ""
    )
    below = [] if path == "/" else [f"redir {path} {path}/ 308", f"uri strip_prefix {path}"]
    return [*below, *text.splitlines()]
