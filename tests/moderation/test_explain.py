"""Every finding can be said in words, to the author without a hint, to the moderator with every number."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import Finding, Policy, ProfanityRule, Rules
from service.moderation.explain import AUTHOR, MODERATOR, for_author, for_moderator
from service.moderation.judge import Judge
from service.moderation.text import canonical, fold
from service.wordlists import load

LEXICON = load()
RULES = Rules.__struct_fields__


def found(rule: str, note: str = "", *, shadow: bool = False, failed: bool = False) -> Finding:
    return Finding(rule=rule, effect="hold", note=note, shadow=shadow, failed=failed)


@pytest.mark.parametrize("catalogue", [AUTHOR, MODERATOR])
def test_every_language_says_the_same_things_with_the_same_values(catalogue: dict[str, dict[str, str]]) -> None:
    def places(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    english = catalogue["en"]
    assert set(RULES) < set(english)
    for sentences in catalogue.values():
        assert sentences.keys() == english.keys()
        assert all(places(sentences[key]) == places(english[key]) for key in english)


def test_the_author_is_told_the_rule_and_not_the_word_or_its_category() -> None:
    assert for_author(found("slurs", "categories=slur,sexual")) == "The comment has a word that demeans people."
    for rule in RULES:
        note = "categories=CATEGORY words=WORDS disguised=DISGUISED shortened=SHORTENED error=ERROR kinds=KINDS"
        assert not set(for_author(found(rule, note)).split()) & {"CATEGORY", "WORDS", "DISGUISED", "SHORTENED", "ERROR"}


@pytest.mark.parametrize("language", AUTHOR)
def test_no_sentence_for_an_author_has_a_word_of_the_lexicon(language: str) -> None:
    for sentence in AUTHOR[language].values():
        assert LEXICON.hits(fold(sentence.format(limit=1))) == (), sentence
        assert not {*LEXICON.categories} & {*fold(sentence).words}, sentence


@pytest.mark.parametrize("language", AUTHOR)
def test_no_word_of_the_lexicon_changes_what_its_author_is_told(language: str) -> None:
    everything = Rules(mild_profanity=ProfanityRule())
    judge = Judge(Policy(rules=everything), LEXICON)
    told = {AUTHOR[language][rule] for rule in ("slurs", "strong_profanity", "mild_profanity", "stretched")}
    for entry in LEXICON.entries:
        for word in {entry.word, *entry.forms[:2], " ".join(entry.word)}:
            findings = judge.judge(canonical(f"so {word} it was")).findings
            assert {for_author(finding, language) for finding in findings} <= told, word
            assert all(for_author(finding, language) == AUTHOR[language]["name"] for finding in named(judge, word))


def named(judge: Judge, word: str) -> list[Finding]:
    return [finding for finding in judge.judge("fine", author=word).findings if finding.rule != "links"]


@given(
    st.sampled_from(RULES),
    st.dictionaries(
        st.sampled_from(["categories", "words", "disguised", "shortened", "blocked", "kinds", "error", "place", "x"]),
        st.sampled_from([entry.word.replace(" ", "_") for entry in LEXICON.entries]),
    ),
    st.booleans(),
)
def test_the_author_is_told_nothing_of_a_note_but_its_limit(rule: str, note: dict[str, str], failed: bool) -> None:  # noqa: FBT001 - generated
    said = for_author(found(rule, " ".join(map("=".join, note.items())), failed=failed))
    assert said in {sentence.replace("{limit}", "?") for sentence in AUTHOR["en"].values()}


def test_the_author_is_told_how_many_links_there_may_be_only_when_that_is_what_is_wrong() -> None:
    assert for_author(found("links", "links=3 limit=1")) == "The comment has more links than this site takes (1)."
    other = "The comment has a link that this site does not take unseen."
    assert for_author(found("links", "links=1 disguised=1")) == other
    assert for_author(found("links", "links=1 blocked=1")) == other
    assert for_author(found("links", "links=1 shortened=1")) == other
    assert for_author(found("links", "links=2 place=name,comment")) == other


def test_the_author_is_told_when_it_is_the_name() -> None:
    sentence = "The name has something in it that this site does not show unseen."
    assert for_author(found("strong_profanity", "categories=sexual place=name")) == sentence
    assert for_author(found("strong_profanity", "categories=sexual place=name,comment")) == (
        "The comment has strong language."
    )


def test_the_author_is_told_of_a_failure_without_its_cause() -> None:
    assert for_author(found("links", "error=ValueError", failed=True)) == (
        "A check could not be made, so a moderator looks at the comment."
    )


def test_the_moderator_is_told_numbers_categories_place_failure_and_shadow() -> None:
    assert for_moderator(found("slurs", "categories=sexual,slur")) == "Slurs (sexual, slur)"
    assert for_moderator(found("links", "links=3 limit=1 disguised=2 place=name,comment")) == (
        "Links: 3; limit 1; disguised: 2; in the name and in the comment"
    )
    assert for_moderator(found("shouting", "share=0.93", shadow=True)) == (
        "Mostly capital letters (share 0.93); shadow: decides nothing"
    )
    assert for_moderator(found("links", "error=ValueError", failed=True)) == "Rule links failed (ValueError)"
    assert for_moderator(found("duplicate", "repeats=2 limit=1")) == (
        "Written before by the same author: 2 times, limit 1"
    )


def test_german_is_spoken_and_an_unknown_language_hears_english() -> None:
    assert for_author(found("shouting"), "de-AT") == "Der Kommentar steht größtenteils in Großbuchstaben."
    assert for_moderator(found("contact_details", "kinds=email,phone"), "de") == "Kontaktdaten (email, phone)"
    assert for_author(found("shouting"), "tlh") == for_author(found("shouting"))


def test_a_rule_or_a_value_that_is_not_known_still_makes_a_sentence() -> None:
    assert for_moderator(found("learned")) == "Rule learned"
    assert for_author(found("learned")) == "A rule of this site speaks against the comment."
    assert for_moderator(found("flood")) == "Comments from this address in the window: ?, limit ?"


def test_braces_in_a_note_are_only_text() -> None:
    assert for_moderator(found("slurs", "categories={0.__class__}")) == "Slurs ({0.__class__})"
