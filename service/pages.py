"""One canonical form of a page's key, so that one article has one thread however its address was written."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_BYTES = 2048
"""Bytes of UTF-8 of a canonical key; an index entry of PostgreSQL takes no more than 2704."""

WHITE_SPACE = " \t\n\f\r"
"""ASCII white space, as the WHATWG Infra Standard lists it."""

REMEMBERED = 1024
"""Keys of which nothing that is made of them need be made again: most comments are on few pages."""
REMEMBERED_LENGTH = 256
"""Characters of the longest of them."""

REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
ADDRESS = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#]*@)?(\[[^/?#@\]]*\]|[^/?#@:\[\]]+)(?::([0-9]*))?(/[^?#]*)?(?:\?([^#]*))?(?:#|\Z)"
)
DEFAULT_PORT = {"http": "80", "https": "443"}
UPPER_CASE = re.compile("[A-Z]+")
TRACKING = re.compile(
    r"(utm_[^=]*|at_campaign|at_medium|gad_source|([dgy]|fb|tt|tw)clid|msclkid|[gw]braid|igshid|mc_[ce]id|_g[al])(=|\Z)",
    re.IGNORECASE | re.ASCII,
)


def canonical_page(key: str) -> str:
    """Return the form of a page's key that is stored and compared; count.js holds the same steps.

    An address has its scheme and host in lower case (ASCII letters only), and is without user information, default
    port, tracking parameters, empty parameters and fragment; an empty path becomes `/`. Any other text is an opaque
    key and stays as it is. Raises `ValueError`, with a sentence for whoever sent it, when nothing is left, when
    more than `MAX_BYTES` are left, or when there is a control character or a lone surrogate.
    """
    return _remembered(key) if len(key) <= REMEMBERED_LENGTH else _canonical(key)


def _canonical(key: str) -> str:
    key = key.strip(WHITE_SPACE)
    if REFUSED.search(key):
        raise ValueError("A page key holds no control characters and no lone surrogates.")
    if address := ADDRESS.match(key):
        key = _normal(*address.groups(default=""))
    if not key:
        raise ValueError("A page key is not empty.")
    if (size := len(key.encode())) > MAX_BYTES:
        raise ValueError(f"A page key has at most {MAX_BYTES} bytes of UTF-8; this one has {size}.")
    return key


_remembered = lru_cache(REMEMBERED)(_canonical)


def _normal(scheme: str, host: str, port: str, path: str, query: str) -> str:
    scheme = scheme.lower()
    host = UPPER_CASE.sub(lambda letters: letters[0].lower(), host)
    if port and port != DEFAULT_PORT.get(scheme):
        host += f":{port}"
    kept = "&".join(part for part in query.split("&") if part and not TRACKING.match(part))
    return f"{scheme}://{host}{path or '/'}" + (f"?{kept}" if kept else "")
