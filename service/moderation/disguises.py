"""The spellings that get a word past a list: vowels left out, letters swapped, sounds respelled, turned round."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 4
"""Letters below which a respelling is more often another word than a disguise."""

SHOWN = 2
"""Letters of a censored word that tell which word it is."""

SOUNDS = (
    ("ck", "k"),
    ("ck", "c"),
    ("ck", "q"),
    ("ck", "x"),
    ("cks", "x"),
    ("c", "k"),
    ("c", "q"),
    ("k", "c"),
    ("k", "q"),
    ("k", "x"),
    ("ch", "kh"),
    ("ch", "sh"),
    ("tch", "ch"),
    ("s", "z"),
    ("ss", "zz"),
    ("ss", "sz"),
    ("ss", "zs"),
    ("sh", "sch"),
    ("sh", "ch"),
    ("f", "ph"),
    ("ph", "f"),
    ("u", "oo"),
    ("u", "a"),
    ("u", "o"),
    ("u", "y"),
    ("u", "uh"),
    ("oo", "u"),
    ("ou", "oo"),
    ("ou", "u"),
    ("i", "ee"),
    ("i", "y"),
    ("i", "ei"),
    ("i", "ie"),
    ("i", "e"),
    ("y", "i"),
    ("ie", "y"),
    ("ies", "ys"),
    ("ies", "eez"),
    ("a", "e"),
    ("a", "ah"),
    ("ea", "e"),
    ("e", "a"),
    ("o", "aw"),
    ("o", "oh"),
    ("wh", "w"),
    ("wh", "h"),
    ("w", "wh"),
    ("er", "a"),
    ("er", "ah"),
    ("er", "uh"),
    ("er", "ar"),
    ("er", "or"),
    ("er", "ur"),
    ("ers", "as"),
    ("ers", "az"),
    ("ers", "ahs"),
    ("ing", "in"),
    ("ing", "en"),
    ("ing", "ng"),
    ("ot", "it"),
    ("dg", "g"),
)
"""What sounds alike, or nearly, to people who write English."""

VOWELS = "aeiou"
TURNED = str.maketrans("bdjnpqu", "qprudbn")
"""Letters that read as another one upside down; the rest is turned by characters of their own."""


def disguises(word: str) -> Iterator[str]:
    """Yield disguised spellings of a word of small Latin letters; some are words of their own."""
    yield word.translate(TURNED)[::-1]
    yield word[::-1]
    yield "".join(letter for letter in word if letter not in VOWELS)
    for place, letter in enumerate(word):
        before, after = word[:place], word[place + 1 :]
        if letter in VOWELS:
            yield before + after
            yield f"{before}x{after}"
        if after and after[0] != letter:
            yield f"{before}{after[0]}{letter}{after[1:]}"
    for sound, other in SOUNDS:
        if sound in word:
            yield word.replace(sound, other)
            if word.count(sound) > 1:
                yield word.replace(sound, other, 1)
                first = word.index(sound) + len(sound)
                yield word[:first] + word[first:].replace(sound, other)
    for harder in (word, word.replace("ck", "k").replace("c", "k")):
        for sharper in (harder, harder.replace("u", "v")):
            yield sharper
            yield sharper.replace("l", "i")
            yield sharper.replace("i", "l")


def censored(word: str) -> Iterator[str]:
    """Yield a word with a run of its letters after the first hidden behind asterisks, one too many included."""
    for start in range(1, len(word)):
        for end in range(start + 1, len(word) + 1):
            shown = len(word) - (end - start)
            if shown >= min(SHOWN, len(word) - SHOWN):
                yield f"{word[:start]}{'*' * (end - start)}{word[end:]}"
            if shown > SHOWN or (end - start == 1 and word[start] in VOWELS):
                yield f"{word[:start]}{'*' * (end - start + 1)}{word[end:]}"
