"""Writes `service/moderation/lookalikes.py` from confusable-homoglyphs: `python -m tests.lookalikes`."""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path

from confusable_homoglyphs.confusables import confusables_data

MODULE = Path(__file__).parent.parent / "service" / "moderation" / "lookalikes.py"
WIDTH = 104

ADDED = {
    "a": "ƌɐΆαλάДⱥȺ∂",
    "b": "βвƀɓʙɃъьЪЬҌҍ฿ჩƁƂƄ",
    "c": "ɔɕƈȼ¢ċ©ↄↃ",
    "d": "ɗɖđðᴅԁƊÐᗞ₫ƉƋ",
    "e": "ǝɘəεэєɛ€ΣξҽԐԑᴱ∈ɇƐɜ",
    "f": "ɟƒʄꜰϝꬵƑ₣ſ",
    "g": "ƃɠɢʛǥɡցƓ₲Ɠ",
    "h": "ɥнђћһɦʜħҺԋ",
    "i": "ᴉɪɨıιїіίϊɩƗ¡",
    "j": "ʝɟյᴊɉϳ",
    "k": "ʞкκқҟҡĸᴋƙ₭ⱪҝ",
    "l": "ʟɭłℓ£ɫƚⱡᴌιןŁ",
    "m": "ɯмɱᴍ₥ϻ",
    "n": "ηɴпɲŋñиήƞᴎռ₦й",
    "o": "øөɵσό¤ºθծօѳѲΘ◯○●Ø",
    "p": "ρᴘƥþթᵽ₱Þ",
    "q": "ɋʠԛգ",
    "r": "ɹʀгɼɽɾяʁᴙɍ₹",
    "s": "ꜱѕʂᴤ§ʃ",
    "t": "ʇтτᴛŧƭʈ₮†եŦ",
    "u": "υʊμµцսᴜʋύϋΰ∪",
    "v": "ʌνѵᴠΛ√",
    "w": "ωώʍшщωѡᴡ₩ԝѿ",
    "x": "хχжҳӽϰ×",
    "y": "уүұγɏʎ¥ʏƴў",
    "z": "ʐᴢƶȥʑʒӡƷ",
}
"""Turned and stroked letters, currency signs and letters of other scripts that are used as stand-ins."""

HEAD = '''"""Characters that look like a Latin letter without decomposing into one.

Made by `python -m tests.lookalikes` from confusable-homoglyphs 3.3.1 (Unicode Technical Standard 39) and additions.
"""

LOOKALIKES: dict[str, str] = {
'''


def latin(character: str) -> str:
    """Return the small Latin letter that the package or our additions see in a character, or nothing."""
    for letter, shapes in ADDED.items():
        if character in shapes or character.lower() in shapes:
            return letter
    candidates = {
        shape["c"].lower()
        for shape in confusables_data.get(character, ())
        if len(shape["c"]) == 1 and shape["c"] in string.ascii_letters
    }
    name = unicodedata.name(character, "")
    if named := NAMED.fullmatch(name):
        return named[1].lower()
    if candidates in ({"i", "l"}, {"l"}):
        return "i" if " I" in name or "IOTA" in name or "PALOCHKA" in name else "l"
    return min(candidates, default="")


NAMED = re.compile(
    r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |TURNED |REVERSED |SIDEWAYS |OPEN |INSULAR |DOTLESS |SCRIPT )?"
    r"([A-Z])(?: WITH [A-Z ]+)?"
)
BLOCKS = (
    range(0x80, 0x2B0),
    range(0x1D00, 0x1DC0),
    range(0x2C60, 0x2C80),
    range(0xA720, 0xA800),
    range(0xAB30, 0xAB70),
)
"""Latin letters outside ASCII."""


def decomposes(character: str) -> bool:
    """Say whether compatibility decomposition already leads to an ASCII character."""
    return any(part.isascii() and part.isalnum() for part in unicodedata.normalize("NFKD", character))


def alphabet() -> dict[str, str]:
    """Return, for every small Latin letter, the characters that stand for it, in code point order."""
    characters = {character for character in confusables_data if len(character) == 1}
    characters |= {chr(point) for block in BLOCKS for point in block}
    added = "".join(ADDED.values())
    characters |= set(added) | {letter.upper() for letter in added if len(letter.upper()) == 1}
    found: dict[str, list[str]] = {letter: [] for letter in string.ascii_lowercase}
    for character in sorted(characters):
        folded = latin(character)
        numeric = unicodedata.category(character)[0] == "N"
        if folded and not character.isascii() and not decomposes(character) and not numeric:
            found[folded].append(character)
    return {letter: "".join(characters) for letter, characters in found.items()}


def escaped(character: str) -> str:
    """Return a character as it may stand in source text that people read on any machine."""
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def source() -> str:
    """Return the text of the module."""
    lines = []
    for letter, characters in alphabet().items():
        pieces, piece = [], ""
        for character in characters:
            if len(piece) + len(escaped(character)) > WIDTH:
                pieces.append(piece)
                piece = ""
            piece += escaped(character)
        pieces.append(piece)
        if len(pieces) == 1:
            lines.append(f'    "{letter}": "{piece}",\n')
        else:
            lines.append(f'    "{letter}": (\n' + "".join(f'        "{piece}"\n' for piece in pieces) + "    ),\n")
    return HEAD + "".join(lines) + "}\n"


if __name__ == "__main__":
    MODULE.write_text(source(), encoding="utf-8")
