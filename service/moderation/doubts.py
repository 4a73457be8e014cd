"""When a digit, an apostrophe or a dash in a word is what it seems, and disguises nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from service.moderation.readings import SHORT, TOGETHER, collapse

if TYPE_CHECKING:
    from service.moderation.spellings import Spellings

NUMBER = re.compile(r"[\W_]*(?:\d+(?:[.,/]\d+)*[\W_]?[^\W\d_]?|[^\W\d_][\W_]?\d+)[\W_]*")
"""Digits with a letter at most, before or after: 600k, N-16, class 3b."""
UNIT = re.compile(r"[\W_]*\d[\d\W_]*[^\W\d_]+[\W_]*")
"""Letters after a number: 64hp, 5pcs."""
POSSESSIVE = "'s"
CLOSING = frozenset("~-")
"""What typographic signs fold to, and the hyphen."""


def meant(chunk: str, word: str, spellings: Spellings) -> bool:
    """Say whether signs and digits in a piece of text were put there to hide the word that is left without them."""
    name = chunk.removesuffix(POSSESSIVE)
    return _lettered(name, word, spellings) and (name == chunk or _ends(name, word, spellings))


def _lettered(chunk: str, word: str, spellings: Spellings) -> bool:
    """Say whether digits in a word are letters of it: a number, a code or a unit is no respelled word."""
    if NUMBER.fullmatch(chunk):
        return False
    digits, letters = list(filter(str.isdigit, chunk)), sum(map(str.isalpha, chunk))
    coded = len(digits) >= letters and not (chunk[0].isdigit() and chunk[-1].isdigit())
    if word in spellings.whole or not (coded or UNIT.fullmatch(chunk)):
        return True
    thin = collapse(word)
    return len(thin) > SHORT and thin in spellings.whole and len(set(digits)) == 1  # a digit drawn out, or a letter


def _ends(name: str, word: str, spellings: Spellings) -> bool:
    """Say whether a word ends in what its apostrophe makes a possessive: "tit's" may, "Fatah's" is of Fatah."""
    if name.isalpha():
        return len(name) >= SHORT and word in spellings.whole
    read = TOGETHER.read(name)
    return read in spellings.words or collapse(read) in spellings.words


def closed(word: str, sign: str, spellings: Spellings) -> bool:
    """Say whether what may hide the last letter of a word is a dash, dots or a quotation mark after another one."""
    shown = word.removesuffix("*")
    return sign in CLOSING and "*" not in shown and (len(shown) < SHORT or shown in spellings.ordinary)
