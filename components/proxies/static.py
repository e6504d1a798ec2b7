"""What a proxy is told of a static app, the same for all proxies."""

FILE_ENDINGS = (
    *("js", "mjs", "css", "map", "json", "wasm", "webmanifest", "xml", "txt", "csv", "pdf", "zip"),
    *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "mp3", "mp4", "webm", "ogg"),
    *("woff", "woff2", "ttf", "otf", "eot", "gz", "br", "zst"),
)
"""What a page's address never ends with: without such a file the answer is 404, not the page."""
