"""What a proxy is told of a static app, the same for all proxies."""

import dataclasses

FILE_ENDINGS = (
    *("js", "mjs", "css", "map", "json", "wasm", "webmanifest", "xml", "txt", "csv", "pdf", "zip"),
    *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "mp3", "mp4", "webm", "ogg"),
    *("woff", "woff2", "ttf", "otf", "eot", "gz", "br", "zst"),
)
"""What a page's address never ends with: without such a file the answer is 404, not the page."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StaticText:
    """Where a static app's live release lies, in two folders, `hashed` and `site`."""

    live: str
    """A link that is followed at each request, so that another release may take its place."""
    single_page: bool = False
    """Whether paths without a file get /index.html."""
