"""Finds links in a text: written plainly, without a scheme, or in disguise."""

from __future__ import annotations

import re
from itertools import islice
from string import ascii_lowercase
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick
from msgspec import Struct

from service.moderation.domains import ENDINGS, KNOWN, SHORTENERS, WORDS, listed
from service.moderation.plain import plain as plain_form

if TYPE_CHECKING:
    from collections.abc import Iterator

SPELLED = r"\s?[\[({<]\s?(?:\.|dot|punkt|point|punto)\s?[\])}>]\s?"
SCHEME = re.compile(
    r"(?<![a-z0-9])(?P<scheme>h[a-z*]{2}ps?|ftps?|fxps?)(?P<slashes>\s?(?:\[:\]|[:;])?\s?[/\\]{2}\s?)"
    r"(?P<user>[^\s/\\?#]*@)?"
    rf"(?P<host>\[[0-9a-f:.]{{2,45}}\]|(?:{SPELLED}|[^\s<>\"'/\\?#:,;|()\[\]{{}}])+)"
)
DOTTED = re.compile(r"(?<![\w@.-])\w[\w-]*+(?:\.\w[\w-]*+)++(?![\w@-]*+@)")
"""Labels with dots between them, not beside an `@`."""
JOINTS = rf"(?P<bracketed>{SPELLED})|(?P<spelled>\sdot\s)|(?P<spaced>\s\.\s?|\.\s)"
ENDING = re.compile(rf"(?:{JOINTS})(?P<ending>\w[\w-]*+)")
JOINT = re.compile(rf"(?:{JOINTS}|(?P<dot>\.))$")
HONEST = listed("http https ftp ftps")
KINDS = ("bracketed", "spelled", "spaced")
HINT = re.compile(r"\.(?=[^\W\d])")
WWW_HINT = re.compile(r"\.(?=[^\W\d])|www\.")
HINTS = AhoCorasick(
    [f".{letter}" for letter in f"{ascii_lowercase}_"]
    + [f". {ending}" for ending in ("com", "org", "edu", "gov", "xyz", "biz")]
    + [" dot ", " .", "/", "\\\\", "(", "[", "{", "<", "@"]
)
"""One of these stands in every ASCII text with a link or an e-mail address."""
BRACKETED_HINT = re.compile(r"[\[({<]\s?(?:\.|dot|p[ou]n)")
SPACED_HINT = re.compile(r"\. (?=(?:com|org|edu|gov|xyz|biz)\b|[^\W\d_]{2,24}/)")
REST = re.compile(r"(?::\d{1,5})?(?:[/?#][^\s<>\"]*)?")
PLAIN_ENDINGS = listed("com net org")
SURE_SPACED = listed("com org edu gov xyz biz")
NOT_HOSTS = listed(
    """
    a an the this that these those of and or in on at to for from is was were are be it its by as with no not
    pre post first second early late old new big whole entire original another every s us our your my their his her
    another like since during after before through
    """
)
"""Words before `dot com` that speak of the trade: `the dot com bubble`."""
THE_TRADE = re.compile(
    r"\s?-?(?:bubble|boom|bust|crash|era|craze|mania|compan|stock|start|billion|million|days|world|age)"
)
LABEL = 63
"""Octets of a label at most (RFC 1035)."""
TRAILING = ".,;:!?)]}>'\"*_~»”’…"
LATIN = re.compile("[a-z\u00df-\u024f]")
LOOKALIKE = re.compile("[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff]")
"""Greek, Cyrillic, Armenian and Cherokee: the scripts with letters that pass for Latin ones (UTS 39)."""


class Link(Struct, frozen=True):
    """One link, where it stands and which host it names."""

    start: int
    end: int
    host: str
    disguised: bool

    @property
    def shortened(self) -> bool:
        """Whether the host leads anywhere else."""
        return self.host.removeprefix("www.") in SHORTENERS


def hinted(plain: str) -> bool:
    """Say whether a text may hold a link or an e-mail address at all; one quick look for all that would tell."""
    return not plain.isascii() or bool(HINTS.find_matches_as_indexes(plain))


def find(plain: str, text: str, most: int = 300) -> tuple[Link, ...]:
    """Return the links of a text, given with its `plain()` form, in reading order; `most` found end the search."""
    found: list[Link] = []
    if "//" in plain or "\\\\" in plain:
        found += islice(explicit(plain), most)
        for link in found:
            plain = plain[: link.start] + " " * (link.end - link.start) + plain[link.end :]
    dots = "." in plain
    if dots and HINT.search(plain):
        found += islice(bare(plain, text), most - len(found))
    if (
        " dot " in plain
        or (dots and (" ." in plain or SPACED_HINT.search(plain)))
        or (bracketed(plain) and BRACKETED_HINT.search(plain))
    ):
        found += islice(disguised(plain, text), most - len(found))
    return apart(found) if found else ()


def bracketed(plain: str) -> bool:
    """Say whether there is a bracket; one look for each is faster than a pattern."""
    return "(" in plain or "[" in plain or "{" in plain or "<" in plain


def apart(links: list[Link]) -> tuple[Link, ...]:
    """Return the links in order, without those that begin inside another."""
    kept: list[Link] = []
    for link in sorted(links, key=lambda link: (link.start, -link.end)):
        if not kept or link.start >= kept[-1].end:
            kept.append(link)
    return tuple(kept)


def explicit(plain: str) -> Iterator[Link]:
    """Yield what begins with a scheme; a host needs no known ending there."""
    for match in SCHEME.finditer(plain):
        host = re.sub(SPELLED, ".", match["host"]).rstrip(TRAILING.replace("]", ""))
        if host:
            honest = match["scheme"] in HONEST and match["slashes"] == "://" and not match["user"]
            spelled = re.search(SPELLED, match["host"])
            yield link(plain, match.start(), match.end(), host, tricked=bool(spelled) or not honest)


def bare(plain: str, text: str) -> Iterator[Link]:
    """Yield hosts without a scheme that end in a known way; what stands between spaces is looked at once."""
    known: dict[str, list[Link]] = {}
    for start, end in pieces(plain):
        piece = text[start:end]
        if piece not in known:
            known[piece] = [*hosts(plain[start:end], piece)]
        for found in known[piece]:
            yield Link(start + found.start, start + found.end, found.host, found.disguised)


def pieces(plain: str) -> Iterator[tuple[int, int]]:
    """Yield the pieces of a text between spaces where something may end a host."""
    padded, end = f"{plain} ", 0
    for hint in (WWW_HINT if "www." in plain else HINT).finditer(plain):
        place = hint.start()
        if place >= end:
            start, end = plain.rfind(" ", 0, place) + 1, padded.find(" ", place)
            yield start, end


def hosts(plain: str, text: str) -> Iterator[Link]:
    """Yield hosts without a scheme in a piece of a text."""
    for match in DOTTED.finditer(plain):
        labels = match[0].split(".")
        if labels[0] == "www" and len(labels) > 2:  # noqa: PLR2004 - www, a name, an ending
            yield link(plain, match.start(), match.end(), match[0])
            continue
        if ENDINGS.isdisjoint(labels) and "xn--" not in match[0]:
            continue
        while len(labels) > 1 and labels[-1] not in ENDINGS and not labels[-1].startswith("xn--"):
            del labels[-1]
        host = ".".join(labels)
        end = match.start() + len(host)
        starts_a_sentence = labels[-1] not in PLAIN_ENDINGS and capitalised(text[end - len(labels[-1]) : end])
        if len(labels) > 1 and not starts_a_sentence and certain(labels, plain[end : end + 2]):
            yield link(plain, match.start(), end, host)


def certain(labels: list[str], following: str) -> bool:
    """Whether dotted words are a host, and no forgotten space or file name."""
    host = ".".join(labels)
    if labels[-1] not in WORDS:
        long = any(len(label) > 1 for label in labels[:-1])
        return long or labels[-1] in PLAIN_ENDINGS or following.startswith("/") or host in KNOWN
    name = labels[-2]
    mixed = "-" in name.strip("-") or (any(map(str.isdigit, name)) and not name.isdigit())
    path = following.startswith("/") and following[1:].strip().isalnum()
    return mixed or path or host in KNOWN


def disguised(plain: str, text: str) -> Iterator[Link]:
    """Yield hosts whose dots are written out, bracketed or set apart."""
    for match in ENDING.finditer(plain):
        ending = match["ending"]
        name = label_before(plain, match.start())
        end = match.end()
        if (
            ending in ENDINGS
            and ends_a_host(name, match, following=plain[end : end + 1])
            and not capitalised(text[end - len(ending) : end])
            and not THE_TRADE.match(plain, end)
        ):
            kind = next(kind for kind in KINDS if match[kind])
            start, host = extended(plain, match.start() - len(name), f"{name}.{ending}", kind)
            yield link(plain, start, end, host, tricked=True)


def label_before(plain: str, end: int) -> str:
    """Return the label of a host that ends at a place, or nothing."""
    start = end
    while start and end - start < LABEL and (plain[start - 1].isalnum() or plain[start - 1] == "-"):
        start -= 1
    return plain[start:end]


def extended(plain: str, start: int, host: str, kind: str) -> tuple[int, str]:
    """Return where a host really begins, following its dots to the left, and the host."""
    while joint := JOINT.search(plain, max(0, start - 10), start):
        label = label_before(plain, joint.start())
        if not label or label in NOT_HOSTS or joint.lastgroup not in {kind, "dot"} or joint[0] == ". ":
            break
        start, host = joint.start() - len(label), f"{label}.{host}"
    return start, host


def capitalised(word: str) -> bool:
    """Whether a word begins as a sentence does."""
    return word[:1].isupper() and not word.isupper()


def ends_a_host(name: str, joint: re.Match[str], *, following: str) -> bool:
    """Whether a joint between a word and a known ending makes them the last two labels of a host."""
    ending = joint["ending"]
    if name in NOT_HOSTS or not any(map(str.isalpha, name)):
        return False
    if joint["bracketed"]:
        return True
    if joint["spelled"]:
        return ending not in WORDS
    return ending in SURE_SPACED or (ending not in WORDS and following == "/")


def link(plain: str, start: int, end: int, host: str, *, tricked: bool = False) -> Link:
    """Return the link with its port and path, and its host as people read it."""
    rest = REST.match(plain, end)
    end = max(end, start + len(plain[start : rest.end() if rest else end].rstrip(TRAILING)))
    host = readable(host.strip(".-"))
    return Link(start, end, host, tricked or pretends(host))


def readable(host: str) -> str:
    """Return a host with its punycode labels (RFC 3492) decoded."""
    if "xn--" not in host:
        return host
    return ".".join(decoded(label) for label in host.split("."))


def decoded(label: str) -> str:
    """Return one label decoded, or as it is when it is no punycode."""
    try:
        return label.removeprefix("xn--").encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def pretends(host: str) -> bool:
    """Whether a label of the host mixes Latin letters with their look-alikes."""
    return not host.isascii() and any(LATIN.search(label) and LOOKALIKE.search(label) for label in host.split("."))


def below(host: str, domains: frozenset[str]) -> bool:
    """Whether a host is one of the domains or a name below one."""
    labels = host.split(".")
    return any(".".join(labels[first:]) in domains for first in range(len(labels)))


def domain(written: str) -> str:
    """Return a domain as hosts are compared: lower case, without `*.` or `www.`, no punycode."""
    return readable(plain_form(written).strip().removeprefix("*.").removeprefix("www.").strip("."))
