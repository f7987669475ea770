"""Both languages say everything: words, vocabulary, types of events, and nothing beside them in templates."""

import re
from pathlib import Path
from string import Formatter

import pytest

import api.pages
from api.pages.languages import number, when
from api.pages.menu import MENU
from api.pages.words import IN, catalogue
from api.server.problems import PROBLEMS
from ledger.domain import vocabulary
from ledger.domain.duties import table
from ledger.domain.events import CATALOGUE
from projections.views import VIEWS
from projections.views.consort import STAGES as FLOW
from projections.views.enrolment import STAGES

PAGES = Path(str(api.pages.__file__)).parent
TEMPLATES = sorted((PAGES / "templates").glob("*.html"))
_SAME = {"term.DISCONTINUED"}


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_key_has_both_languages_with_the_same_values() -> None:
    for key, words in catalogue().items():
        assert len(words) == 2
        assert all(one.strip() for one in words), key
        english, spanish = map(_fields, words)
        assert english == spanish, key


def test_every_type_of_event_has_words_and_in_english_those_of_the_catalogue() -> None:
    """A new type of event needs a line in `api/pages/words`."""
    assert {cls.type: catalogue().get(f"event.{cls.type}", ("", ""))[0] for cls in CATALOGUE} == {
        cls.type: cls.title for cls in CATALOGUE
    }


def test_the_vocabulary_has_words() -> None:
    codes = {
        code.value
        for terms in ("TrialStatus", "Severity", "Seriousness", "Causality", "AeOutcome", "DeviationCategory")
        for code in getattr(vocabulary, terms)
    }
    codes |= {*STAGES, *FLOW, *vocabulary.DISPOSITION_TERMS, *(f"role:{role}" for role in vocabulary.Role)}
    codes |= {rule.title for rule in table.default_rules()}
    assert sorted(code for code in codes if f"term.{code}" not in catalogue()) == []


def test_every_page_of_the_menu_has_words() -> None:
    assert [entry.words for entry in MENU if entry.words not in catalogue()] == []


def test_every_problem_has_words_of_its_own() -> None:
    """A new slug of `api/server/problems.py` needs a line in `api/pages/words/common.py`."""
    assert [slug for slug in PROBLEMS if f"problem.{slug}" not in catalogue()] == []
    hints = {key.removeprefix("problem.hint.") for key in catalogue() if key.startswith("problem.hint.")}
    assert hints <= PROBLEMS.keys()


def test_every_view_has_words() -> None:
    assert [view for view in VIEWS if f"view.{view}" not in catalogue()] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_but_by_keys_that_there_are(template: Path) -> None:
    text = template.read_text()
    assert set(re.findall(r'\bt\("([^"]+)"[,)]', text)) <= catalogue().keys()
    plain = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "\0", text, flags=re.S)
    spoken = re.sub(r"<[^<>]*>", " ", plain).replace("trial-ledger", "").replace("CSV", "").replace("JSON", "")
    assert re.findall(r"[^\W\d_]{2,}", spoken) == []
    for attribute in ("aria-label", "title", "placeholder", "alt"):
        assert all("\0" in said for said in re.findall(rf'\s{attribute}="([^"]+)"', plain))


def test_keys_named_in_code_are_there() -> None:
    for module in PAGES.glob("*.py"):
        said = re.findall(r'\bsay\(\s*f?"([^"{]+)"', module.read_text())
        assert set(said) <= catalogue().keys(), module.name


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (0, "0", "0"),
        (1234, "1,234", "1234"),
        (1234567, "1,234,567", "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567"),
        ("0.9500", "0.9500", "0,9500"),
        ("-0.1248", "\N{MINUS SIGN}0.1248", "\N{MINUS SIGN}0,1248"),
        ("<0.0001", "<0.0001", "<0.0001"),
    ],
)
def test_numbers_are_written_as_the_language_writes_them(value: int | str, english: str, spanish: str) -> None:
    assert (number(value, "en"), number(value, "es")) == (english, spanish)


@pytest.mark.parametrize(
    ("stated", "english", "spanish"),
    [
        ("2020", "2020", "2020"),
        ("2020-09", "Sep 2020", "sept 2020"),
        ("2020-09-05", "5 Sep 2020", "5 sept 2020"),
        ("2020-09-05T08:36:00.000000Z", "5 Sep 2020, 08:36:00 UTC", "5 sept 2020, 08:36:00 UTC"),
        ("2020-01-05T08:36+02:00", "5 Jan 2020, 08:36 UTC+02:00", "5 ene 2020, 08:36 UTC+02:00"),
        ("2020-13-05", "2020-13-05", "2020-13-05"),
        ("sin demora", "sin demora", "sin demora"),
    ],
)
def test_times_are_written_with_their_zone_and_no_more_precisely_than_stated(
    stated: str, english: str, spanish: str
) -> None:
    written = [when(stated, language).replace("\N{NO-BREAK SPACE}", " ") for language in ("en", "es")]
    assert written == [english, spanish]


def test_one_is_said_as_one() -> None:
    assert IN["en"].say("sites.intro", n=1) == "One site."
    assert IN["es"].say("sites.intro", n=12_000) == "12\N{NO-BREAK SPACE}000 centros."
