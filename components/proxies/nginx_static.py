"""How nginx serves a static app: text from plain data, like `nginx`."""

import re
from collections.abc import Sequence

from ..site_routes import Static
from ..tools import ASSETS
from .static import FILE_ENDINGS

HEADERS = {
    "Cache-Control": "$homeport_cache_control",
    "Last-Modified": "$homeport_last_modified",
}
"""What a site with a static app sends besides; both stay what an app says where it answers."""
_SHARED = "/etc/nginx/homeport.d/static"


def matcher(path: str) -> str:
    """Return what a location with a static app matches; the rest of the path gets a name."""
    return "/" if path == "/" else f'~* "^{re.escape(path)}(?<homeport_path>(?s:/.*)|)$"'


def served(static: Static, path: str, missing: str) -> list[str]:
    """Return the directives that serve a static app below a path.

    What has no file goes to the named location `missing`.
    """
    rest = "$uri" if path == "/" else "$homeport_path"
    page = " $homeport_page" if static.single_page else ""
    return [
        *_folder(static),
        f"if (-f $document_root/site{rest}$homeport_index) {{",
        "\treturn 308 $homeport_with_slash;",
        "}",
        f"error_page 404 {missing};",
        f"try_files /hashed{rest} /site{rest} /site{rest}/index.html{page} =404;",
    ]


def not_found(static: Static) -> list[str]:
    """Return the directives that send the app's own page for what is not there, if it has one."""
    return [*_folder(static), "try_files /site/404.html =404;"]


def files() -> dict[str, str]:
    """Return what all static apps share, by path: questions about requests, and directives."""
    asked, directives = (
        (ASSETS / "nginx" / f"static.{ending}").read_text() for ending in ("conf", "inc")
    )
    return {
        f"{_SHARED}.conf": asked.replace("@endings@", "|".join(FILE_ENDINGS)),
        f"{_SHARED}.inc": directives,
    }


def _folder(static: Static) -> Sequence[str]:
    return [f"root {static.live};", f"include {_SHARED}.inc;"]
