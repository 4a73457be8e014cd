"""Says in words what a rule found: one sentence for the author, one for the moderator, by language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model import Finding

Sentences = dict[str, str]
"""By the name of a rule; `rule.detail` where a detail of the finding makes another sentence."""

AUTHOR: dict[str, Sentences] = {
    "en": {
        "banned": "You cannot comment here at present.",
        "reject_words": "The comment has words that this site does not show.",
        "hold_words": "The comment has words that a moderator looks at first.",
        "slurs": "The comment has a word that demeans people.",
        "strong_profanity": "The comment has strong language.",
        "mild_profanity": "The comment has rough language.",
        "links": "The comment has more links than this site takes ({limit}).",
        "links.other": "The comment has a link that this site does not take unseen.",
        "contact_details": "The comment seems to have a telephone number or an e-mail address in it.",
        "shouting": "Most of the comment is in capital letters.",
        "stretched": "The comment repeats the same thing many times in a row.",
        "stacked_marks": "The comment has letters that cannot be read.",
        "duplicate": "You have written this comment already.",
        "copied": "The same text has been posted here before.",
        "flood": "Many comments came from your connection in a short time.",
        "new_author": "The first comments of an author are looked at by a moderator.",
        "name": "The name has something in it that this site does not show unseen.",
        "failed": "A check could not be made, so a moderator looks at the comment.",
        "other": "A rule of this site speaks against the comment.",
    },
    "de": {
        "banned": "Sie können hier derzeit nicht kommentieren.",
        "reject_words": "Der Kommentar enthält Wörter, die diese Seite nicht zeigt.",
        "hold_words": "Der Kommentar enthält Wörter, die erst die Moderation ansieht.",
        "slurs": "Der Kommentar enthält ein Wort, das Menschen herabsetzt.",
        "strong_profanity": "Der Kommentar enthält derbe Sprache.",
        "mild_profanity": "Der Kommentar enthält raue Sprache.",
        "links": "Der Kommentar enthält mehr Links, als diese Seite annimmt ({limit}).",
        "links.other": "Der Kommentar enthält einen Link, den diese Seite nicht ungesehen annimmt.",
        "contact_details": "Der Kommentar enthält wohl eine Telefonnummer oder eine E-Mail-Adresse.",
        "shouting": "Der Kommentar steht größtenteils in Großbuchstaben.",
        "stretched": "Der Kommentar wiederholt dasselbe viele Male hintereinander.",
        "stacked_marks": "Der Kommentar enthält Buchstaben, die nicht zu lesen sind.",
        "duplicate": "Diesen Kommentar haben Sie schon geschrieben.",
        "copied": "Derselbe Text wurde hier schon geschrieben.",
        "flood": "Von Ihrem Anschluss kamen in kurzer Zeit viele Kommentare.",
        "new_author": "Die ersten Kommentare sieht erst die Moderation an.",
        "name": "Der Name enthält etwas, das diese Seite nicht ungesehen zeigt.",
        "failed": "Eine Prüfung war nicht möglich, deshalb sieht die Moderation den Kommentar an.",
        "other": "Eine Regel dieser Seite spricht gegen den Kommentar.",
    },
}

MODERATOR: dict[str, Sentences] = {
    "en": {
        "banned": "Banned: the author or the address",
        "reject_words": "Words this site rejects ({words})",
        "hold_words": "Words this site holds ({words})",
        "slurs": "Slurs ({categories})",
        "strong_profanity": "Strong profanity ({categories})",
        "mild_profanity": "Mild profanity ({categories})",
        "links": "Links: {links}",
        "contact_details": "Contact details ({kinds})",
        "shouting": "Mostly capital letters (share {share})",
        "stretched": "Drawn out: {longest} characters of the same",
        "stacked_marks": "Letters under stacked marks",
        "duplicate": "Written before by the same author: {repeats} times, limit {limit}",
        "copied": "Written before by others: {repeats} times, limit {limit}",
        "flood": "Comments from this address in the window: {recent}, limit {limit}",
        "new_author": "New author: {approved} approved of {needed} needed",
        "other": "Rule {rule}",
        "failed": "Rule {rule} failed ({error})",
        "+limit": "limit {limit}",
        "+blocked": "to blocked domains: {blocked}",
        "+disguised": "disguised: {disguised}",
        "+shortened": "through shorteners: {shortened}",
        "+place.name": "in the name",
        "+place.name,comment": "in the name and in the comment",
        "+shadow": "shadow: decides nothing",
    },
    "de": {
        "banned": "Gesperrt: Autor oder Adresse",
        "reject_words": "Wörter, die diese Seite ablehnt ({words})",
        "hold_words": "Wörter, die diese Seite zurückhält ({words})",
        "slurs": "Herabsetzende Wörter ({categories})",
        "strong_profanity": "Derbe Wörter ({categories})",
        "mild_profanity": "Raue Wörter ({categories})",
        "links": "Links: {links}",
        "contact_details": "Kontaktdaten ({kinds})",
        "shouting": "Fast nur Großbuchstaben (Anteil {share})",
        "stretched": "In die Länge gezogen: {longest} gleiche Zeichen",
        "stacked_marks": "Buchstaben unter gestapelten Zeichen",
        "duplicate": "Vom selben Autor schon geschrieben: {repeats} Mal, Grenze {limit}",
        "copied": "Von anderen schon geschrieben: {repeats} Mal, Grenze {limit}",
        "flood": "Kommentare von dieser Adresse im Zeitraum: {recent}, Grenze {limit}",
        "new_author": "Neuer Autor: {approved} freigegeben, {needed} nötig",
        "other": "Regel {rule}",
        "failed": "Regel {rule} ist ausgefallen ({error})",
        "+limit": "Grenze {limit}",
        "+blocked": "zu gesperrten Domains: {blocked}",
        "+disguised": "verkleidet: {disguised}",
        "+shortened": "über Kurzlinks: {shortened}",
        "+place.name": "im Namen",
        "+place.name,comment": "im Namen und im Kommentar",
        "+shadow": "Schatten: entscheidet nichts",
    },
}

DETAILS = {"links": ("limit", "blocked", "disguised", "shortened")}
"""Details of a rule that a moderator reads after its sentence, where there are any."""


def for_author(finding: Finding, language: str = "en") -> str:
    """Return one sentence for the author, which never says what exactly was matched, nor how."""
    sentences = catalogue(AUTHOR, language)
    note = details(finding)
    if finding.failed:
        return sentences["failed"]
    if note.get("place") == "name":
        return sentences["name"]
    if finding.rule == "links" and (note.keys() & {"blocked", "disguised", "shortened"} or "limit" not in note):
        return sentences["links.other"]
    return filled(sentences.get(finding.rule, sentences["other"]), note)


def for_moderator(finding: Finding, language: str = "en") -> str:
    """Return one sentence for the moderator, with the numbers and categories that the rule saw."""
    sentences = catalogue(MODERATOR, language)
    note = {"rule": finding.rule, **details(finding)}
    if finding.failed:
        parts = [sentences["failed"]]
    else:
        parts = [sentences.get(finding.rule, sentences["other"])]
        parts += [sentences[f"+{name}"] for name in DETAILS.get(finding.rule, ()) if name in note]
        parts += [sentences[f"+place.{note['place']}"]] if "place" in note else []
    parts += [sentences["+shadow"]] if finding.shadow else []
    return filled("; ".join(parts), note)


def catalogue(sentences: dict[str, Sentences], language: str) -> Sentences:
    """Return a language's sentences by its tag (BCP 47), and English for a language that is not there."""
    return sentences.get(language.partition("-")[0].lower(), sentences["en"])


def details(finding: Finding) -> dict[str, str]:
    """Return a finding's note, `name=value name=value`, as names and values."""
    return dict(part.split("=", 1) for part in finding.note.split() if "=" in part)


class Known(dict[str, str]):
    """Values for a sentence; one that an older finding lacks reads as a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def filled(sentence: str, note: dict[str, str]) -> str:
    """Return the sentence with the values in their places."""
    return sentence.format_map(Known({name: value.replace(",", ", ") for name, value in note.items()}))
