"""A Content-Security-Policy from plain words, so that no quote is forgotten."""

import re
from collections.abc import Sequence

_KEYWORDS = {
    "none",
    "report-sample",
    "self",
    "strict-dynamic",
    "unsafe-eval",
    "unsafe-hashes",
    "unsafe-inline",
    "wasm-unsafe-eval",
}
_HASH = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+={0,2}")
_SOURCE = re.compile(
    r"\*|[a-z]+:|((https?|wss?)://)?(\*\.)?[A-Za-z0-9.-]+(:([0-9]+|\*))?(/[\w./~-]*)?"
)
_DIRECTIVES = {
    **{
        kind: f"{kind.replace('_', '-')}-src"
        for kind in (
            *("default", "script", "style", "img", "font", "connect", "media", "object"),
            *("frame", "child", "worker", "manifest"),
        )
    },
    "base": "base-uri",
    "form": "form-action",
    "frame_ancestors": "frame-ancestors",
}


def content_security_policy(**sources: Sequence[str]) -> str:
    """Return the header's value: `content_security_policy(default=["self"], img=["*"])`.

    Args:
        sources: by kind (default, script, style, img, font, connect, media, object, frame, child,
            worker, manifest, base, form, frame_ancestors), where that may come from: keywords
            without quotes (self, none, unsafe-inline), schemes such as `data:`, hosts.

    Raises:
        ValueError: naming the kind or the source that no browser would understand.
    """
    parts = []
    for kind, allowed in sources.items():
        if kind not in _DIRECTIVES:
            msg = f"content security policy: {kind}: use one of {', '.join(sorted(_DIRECTIVES))}"
            raise ValueError(msg)
        if not allowed or ("none" in allowed and len(allowed) > 1):
            msg = f"content security policy: {kind}: name sources, or nothing but none"
            raise ValueError(msg)
        parts.append(" ".join([_DIRECTIVES[kind], *(_source(kind, each) for each in allowed)]))
    return "; ".join(parts)


def _source(kind: str, source: str) -> str:
    if source in _KEYWORDS or _HASH.fullmatch(source):
        return f"'{source}'"
    if not _SOURCE.fullmatch(source):
        msg = (
            f"content security policy: {kind}: must be a keyword without quotes, a hash, a scheme "
            f"such as data:, or a host (got {source!r})"
        )
        raise ValueError(msg)
    return source
