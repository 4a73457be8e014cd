"""A site's own words and phrases, thousands of them, matched in one pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from service.moderation.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.model import Span
    from service.moderation.folding import Folded


class SiteWords:
    """Single words, phrases, and `*` for any run of letters inside a word."""

    def __init__(self, words: Sequence[str], *, exact: bool) -> None:
        self.exact = exact
        patterns = []
        for word in words:
            text = word if exact else "*".join(fold(piece).plain for piece in word.split("*"))
            patterns.append(r"\w*".join(re.escape(piece) for piece in text.split("*")))
        self.pattern = re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)") if patterns else None

    def spans(self, folded: Folded) -> tuple[Span, ...]:
        """Return where the words stand in the stored text, in order."""
        if self.pattern is None:
            return ()
        if self.exact:
            return tuple(found.span() for found in self.pattern.finditer(folded.source))
        return tuple(folded.span(*found.span()) for found in self.pattern.finditer(folded.plain))
