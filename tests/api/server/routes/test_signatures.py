"""Electronic signatures over HTTP: of whom, of what, by which authentication; and what everybody is shown of them."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_trial, own_keys
from ledger.domain.commands import parse_command
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.reader import LedgerReader
from tests.api.server.people import NAME, bearer, client_of, person
from tests.api.server.routes.test_hostile import BODIES, IDS, is_problem
from tests.api.server.signing import CLIENT, PATH, Desk, desk_of
from tests.projections.whole_trial import SUBJECTS
from tests.trials import SITE

MASKED, UNMASKED, MONITOR = "investigator-1", "statistician-1", "monitor-1"


@pytest.fixture
def desk(ledger: Path) -> Desk:
    return desk_of(ledger)


def facts(ledger: Path, book: Book = Book.OPEN) -> list[Fact]:
    classes = frozenset({PLAIN, IDENTITY} if book is Book.OPEN else {ARM})
    with closing(own_keys(ledger)) as keys:
        reader = LedgerReader(ledger, books=frozenset({book}), classes=classes, keys=keys)
        with closing(reader), reader:
            return list(reader.facts())


def entry(desk: Desk, chosen: Callable[[Fact], bool], book: Book = Book.OPEN) -> dict[str, Any]:
    """`of` for the last entry that is chosen."""
    seq = [fact.seq for fact in facts(desk.ledger, book) if chosen(fact)][-1]
    who = MASKED if book is Book.OPEN else UNMASKED
    return {"seq": seq, "hash": desk.hash(seq, book.value, who)} | ({} if book is Book.OPEN else {"book": "sealed"})


def visit(subject: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.type == "visit.recorded/1" and fact.data["subject"] == subject


def test_a_signature_has_name_time_and_meaning_and_is_of_the_entry_as_the_signer_saw_it(desk: Desk) -> None:
    of = entry(desk, visit(SUBJECTS[2]))
    answer = desk.sign(MASKED, of, meaning="RESPONSIBILITY", words="As the source documents say.")
    assert answer.status_code == 201, answer.text
    made = facts(desk.ledger)[answer.json()["seq"]]
    assert (made.type, made.stream, made.actor.id) == ("signature.made/1", f"signer/{MASKED}", MASKED)
    assert made.at == answer.json()["recorded_at"]
    assert {name: made.data[name] for name in ("meaning", "words", "printed_name", "signed_seq", "signed_hash")} == {
        "meaning": "RESPONSIBILITY",
        "words": "As the source documents say.",
        "printed_name": f"Name of {MASKED}",
        "signed_seq": of["seq"],
        "signed_hash": of["hash"],
    }
    assert answer.headers["location"] == f"/v1/trials/{NAME}/entries/{made.seq}"
    assert verify_ledger(desk.ledger, keys=own_keys(desk.ledger)).ok


def test_without_an_authentication_one_is_told_what_to_ask_the_issuer_for(desk: Desk) -> None:
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    before = len(facts(desk.ledger))
    challenge = desk.post(MASKED, body)
    assert (challenge.status_code, challenge.json()["type"]) == (401, "/problems/authentication")
    assert challenge.json()["ask"] == {"nonce": desk.nonce(MASKED, body), "max_age": 300, "client_id": CLIENT}
    assert 'error="insufficient_user_authentication"' in challenge.headers["www-authenticate"]
    assert "max_age=300" in challenge.headers["www-authenticate"]
    said = challenge.json()["signed"]
    assert (said["signer"]["id"], said["meaning"], said["of"]["signed_seq"]) == (MASKED, "REVIEW", body["of"]["seq"])
    assert len(facts(desk.ledger)) == before


def test_the_nonce_is_of_all_that_is_signed(desk: Desk) -> None:
    of = entry(desk, visit(SUBJECTS[2]))
    body = desk.asked(MASKED, of)
    other = entry(desk, visit(SUBJECTS[3]))
    bodies = [
        body,
        {**body, "id": "another"},
        {**body, "meaning": "APPROVAL"},
        {**body, "words": "Read."},
        {**body, "of": other},
        {**body, "of": {"upto": of["seq"]}},
        {**body, "of": {"upto": of["seq"], "subject": SUBJECTS[2]}},
    ]
    nonces = [desk.nonce(MASKED, one) for one in bodies] + [desk.nonce(MONITOR, body)]
    assert len(set(nonces)) == len(nonces)


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ("nonce", {"nonce": None}),
        ("nonce", {"nonce": "A" * 43}),
        ("auth_time", {"auth_time": None}),
        ("aud", {"aud": "pages"}),
        ("aud", {"aud": ["other", "others"]}),
        ("azp", {"aud": [CLIENT, "pages"], "azp": "pages"}),
        ("sub", {"sub": MONITOR}),
        ("sub", {"org": "Another"}),
        ("iss", {"iss": "https://login.example.com"}),
        ("auth_time", {"auth_time": "yesterday"}),
        ("auth_time", {"auth_time": True}),
        ("nonce", {"nonce": ["x"]}),
    ],
)
def test_an_authentication_that_is_not_for_this_signature_is_answered_with_a_challenge(
    desk: Desk, rule: str, claims: dict[str, Any]
) -> None:
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    before = len(facts(desk.ledger))
    answer = desk.signed(MASKED, body, **claims)
    assert (answer.status_code, answer.json()["rule"]) == (401, rule), answer.text
    assert answer.json()["ask"]["client_id"] == CLIENT
    assert len(facts(desk.ledger)) == before
    assert desk.signed(MASKED, body).status_code == 201  # the control


def test_an_authentication_of_long_ago_signs_nothing(desk: Desk) -> None:
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    now = int(desk.time.seconds) + 1
    stale = desk.signed(MASKED, body, auth_time=now - 302)
    assert (stale.status_code, stale.json()["rule"]) == (401, "auth_time")
    assert desk.signed(MASKED, body, auth_time=now - 200).status_code == 201


def test_where_a_level_is_demanded_a_weaker_authentication_signs_nothing(ledger: Path) -> None:
    desk = desk_of(ledger, levels=("urn:two-factors", "urn:token"))
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    for claims in ({}, {"acr": "urn:password"}, {"acr": ["urn:token"]}):
        weak = desk.signed(MASKED, body, **claims)
        assert (weak.status_code, weak.json()["rule"]) == (401, "acr")
        assert weak.json()["ask"]["acr_values"] == "urn:two-factors urn:token"
    assert desk.signed(MASKED, body, acr="urn:token", amr=["pwd", "hwk"]).status_code == 201
    (row,) = desk.listed(MASKED)
    assert (row["level"], row["methods"]) == ("urn:token", ["pwd", "hwk"])


def test_without_a_printed_name_nothing_is_signed(ledger: Path) -> None:
    nameless = [person(Role.INVESTIGATOR)]
    object.__setattr__(nameless[0], "name", None)
    desk = desk_of(ledger, nameless)
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    refused = desk.signed(MASKED, body, name=None)
    assert (refused.status_code, refused.json()["rule"]) == (401, "name")
    assert desk.signed(MASKED, body).status_code == 201


def test_one_authentication_makes_one_signature(desk: Desk) -> None:
    first = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    second = desk.asked(MASKED, entry(desk, visit(SUBJECTS[3])))
    now = int(desk.time.seconds)
    assert desk.signed(MASKED, first, auth_time=now).status_code == 201
    # a token that the issuer made for the second, out of the same authentication (a single sign-on)
    again = desk.signed(MASKED, second, auth_time=now)
    assert (again.status_code, again.json()["rule"]) == (401, "authentication-used")
    # and the token of the first one, for the second
    token = desk.token(MASKED, desk.nonce(MASKED, desk.asked(MASKED, first["of"])))
    moved = desk.post(MASKED, {**second, "authentication": token})
    assert (moved.status_code, moved.json()["rule"]) == (401, "nonce")
    assert desk.signed(MASKED, second).status_code == 201


def test_the_same_signature_sent_again_is_answered_as_it_was_and_needs_no_authentication(desk: Desk) -> None:
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    first = desk.signed(MASKED, body)
    count = len(facts(desk.ledger))
    for again in (desk.post(MASKED, body), desk.post(MASKED, {**body, "authentication": "no token"})):
        assert again.status_code == 200
        assert again.json() == first.json() | {"repeated": True}
    assert len(facts(desk.ledger)) == count


def test_an_id_that_signed_something_else_is_refused(desk: Desk) -> None:
    body = desk.asked(MASKED, entry(desk, visit(SUBJECTS[2])))
    assert desk.signed(MASKED, body).status_code == 201
    for other in ({**body, "meaning": "APPROVAL"}, {**body, "of": entry(desk, visit(SUBJECTS[3]))}):
        answer = desk.post(MASKED, other)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/command-reused")
    # of somebody else it is another signature
    assert desk.signed(MONITOR, {**body, "id": body["id"]}).status_code == 201


@pytest.mark.parametrize("who", ["participant-1", "archive-1"])
def test_a_role_that_signs_nothing_is_told_so(desk: Desk, who: str) -> None:
    answer = desk.post(who, desk.asked(who, {"upto": 3}))
    assert answer.status_code == 403
    assert is_problem(answer)


def test_authorship_is_for_who_made_the_entry(desk: Desk) -> None:
    of = entry(desk, visit(SUBJECTS[2]))
    assert facts(desk.ledger)[of["seq"]].actor.id == MASKED
    assert desk.sign(MASKED, of, meaning="AUTHORSHIP").status_code == 201
    for who, what in ((MONITOR, of), (MASKED, {"upto": of["seq"]})):
        refused = desk.post(who, desk.asked(who, what, meaning="AUTHORSHIP"))
        assert (refused.status_code, refused.json()["rule"]) == (409, "not-author")


def test_what_is_not_there_or_was_not_seen_so_is_not_signed(desk: Desk) -> None:
    of = entry(desk, visit(SUBJECTS[2]))
    for what, rule in (
        ({"seq": of["seq"], "hash": "0" * 64}, "other-entry"),
        ({"seq": 99_999, "hash": of["hash"]}, "no-entry"),
        ({"upto": 99_999}, "no-entry"),
        ({"upto": of["seq"], "subject": "S-01-999"}, "subject-unknown"),
    ):
        refused = desk.post(MASKED, desk.asked(MASKED, what))
        assert (refused.status_code, refused.json()["rule"]) == (409, rule), what


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"meaning": "LIKING"}, "meaning"),
        ({"of": {}}, "of"),
        ({"of": {"seq": 1}}, "of"),
        ({"of": {"seq": 1, "hash": "A" * 64}}, "of.hash"),
        ({"of": {"seq": -1, "hash": "a" * 64}}, "of.seq"),
        ({"of": {"seq": "1", "hash": "a" * 64}}, "of.seq"),
        ({"of": {"seq": True, "hash": "a" * 64}}, "of.seq"),
        ({"of": {"seq": 1, "upto": 1, "hash": "a" * 64}}, "of"),
        ({"of": {"seq": 1, "hash": "a" * 64, "subject": "S-1"}}, "of"),
        ({"of": {"upto": 1, "hash": "a" * 64}}, "of"),
        ({"of": {"upto": 1, "book": "both"}}, "of.book"),
        ({"of": []}, "of"),
        ({"words": ""}, "words"),
        ({"authentication": ""}, "authentication"),
        ({"authentication": "x" * 9000}, "authentication"),
        ({"printed_name": "Somebody Else"}, "printed_name"),
        ({"actor": {"id": MONITOR}}, "actor"),
    ],
)
def test_a_body_that_is_not_of_the_form_is_refused_and_the_field_named(
    desk: Desk, body: dict[str, Any], field: str
) -> None:
    whole = desk.asked(MASKED, {"upto": 3}) | body if body else {}
    answer = desk.post(MASKED, whole)
    assert answer.status_code == 422, answer.text
    assert field in [one["field"] for one in answer.json()["errors"]], answer.json()["errors"]


def test_hostile_bodies_and_ids_meet_no_failure(desk: Desk) -> None:
    before = len(facts(desk.ledger))
    for name, raw in BODIES.items():
        answer = desk.post(MASKED, raw)
        assert answer.status_code in (400, 413, 422), (name, answer.status_code)
        assert is_problem(answer)
    for id_ in (*IDS, "\x00", "\ud7ff", "é", "{{7*7}}", "' OR 1=1--"):
        answer = desk.post(MASKED, desk.asked(MASKED, {"upto": 3}) | {"id": id_})
        assert answer.status_code in (401, 422), (id_, answer.status_code)
    for token in ("a.b.c", "..", "é", "x" * 8192, "eyJhbGciOiJub25lIn0.e30.", "\x00"):
        answer = desk.post(MASKED, {**desk.asked(MASKED, {"upto": 3}), "authentication": token})
        assert answer.status_code in (401, 422), token
    for query in ("of=x", "of=-1", "of=1&of=2", "book=both", "as_of=never", "who=me", "of=%C2%B2"):
        assert desk.client.get(f"{PATH}?{query}", headers=bearer(MASKED)).status_code == 400, query
    assert len(facts(desk.ledger)) == before


def test_where_nothing_is_set_for_it_nobody_signs(ledger: Path) -> None:
    client = client_of(ledger)
    body = {"id": "s-1", "meaning": "REVIEW", "of": {"upto": 3}}
    answer = client.post(PATH, json=body, headers=bearer(MASKED))
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")


def test_whoever_has_names_in_sight_is_shown_them_and_that_is_recorded_first(ledger: Path) -> None:
    own = person(Role.MONITOR, sites=[SITE])
    desk = desk_of(ledger, [*(person(role) for role in Role if role is not Role.MONITOR), own])
    of = entry(desk, visit(SUBJECTS[2]))
    assert desk.sign(MASKED, of).status_code == 201
    (blank,) = desk.listed("sponsor-1", f"?of={of['seq']}")
    assert "printed_name" not in blank
    assert (blank["person"], blank["meaning"], blank["state"]) == (MASKED, "REVIEW", "CURRENT")
    (named,) = desk.listed(MONITOR)
    assert named == blank | {"printed_name": f"Name of {MASKED}"}
    assert facts(ledger)[-1].type == "identity.accessed/1"
    assert facts(ledger)[-1].actor.id == MONITOR
    assert desk.listed(MONITOR, "?of=0") == []


def test_what_was_signed_and_then_changed_says_so_as_of_when_it_was(desk: Desk) -> None:
    subject = SUBJECTS[2]
    of = entry(desk, visit(subject))
    of_event = entry(desk, lambda fact: fact.type == "adverse-event.reported/1" and fact.data["subject"] == subject)
    for what in (of, of_event, {"upto": of["seq"], "subject": subject}, {"upto": of["seq"]}):
        assert desk.sign(MONITOR, what).status_code == 201
    kept = len(facts(desk.ledger)) - 1
    before = desk.listed("sponsor-1")
    assert [row["extent"] for row in before] == ["ENTRY", "ENTRY", "SUBJECT", "BOOK"]
    # the subject's record had gone on beyond what was signed already
    assert [row["state"] for row in before] == ["CURRENT", "CURRENT", "ADDED", None]
    commands = {fact.seq: fact.command for fact in facts(desk.ledger)}
    with closing(open_trial(desk.ledger)) as trial:
        for n, (seq, type_, more) in enumerate(
            [
                (of_event["seq"], "correct-record", {"changes": [{"field": "severity", "new": "SEVERE"}]}),
                (of["seq"], "void-record", {}),
            ]
        ):
            value = {
                "id": f"changed-{n}",
                "type": type_,
                "actor": {"id": MASKED, "role": "investigator", "org": "FJD"},
                "occurred_at": "2020-06-01",
                "data": {"target": {"command": commands[seq]}, "reason": "a slip", **more},
            }
            trial.submit(parse_command(value))
    assert [row["state"] for row in desk.listed("sponsor-1")] == ["VOIDED", "CORRECTED", "ADDED", None]
    assert desk.listed("sponsor-1", f"?as_of={kept}") == before
    assert desk.listed("sponsor-1", f"?as_of={of['seq']}") == []


def test_a_subjects_record_is_signed_whole_and_says_when_it_went_on(desk: Desk) -> None:
    subject = SUBJECTS[3]
    last = max(fact.seq for fact in facts(desk.ledger) if fact.stream == f"subject/{subject}")
    assert desk.sign(MASKED, {"upto": last, "subject": subject}).status_code == 201
    (row,) = desk.listed("sponsor-1")
    assert (row["subject"], row["signed_type"], row["state"]) == (subject, None, "CURRENT")
    with closing(open_trial(desk.ledger)) as trial:
        trial.submit(parse_command({
            "id": "goes-on", "type": "record-visit", "occurred_at": "2020-06-01",
            "actor": {"id": MASKED, "role": "investigator", "org": "FJD"},
            "data": {"subject": subject, "visit": "DAY 9", "number": "9"},
        }))  # fmt: skip
    assert [row["state"] for row in desk.listed("sponsor-1")] == ["ADDED"]


# -- the blind --------------------------------------------------------------------------------------------------------


def test_who_sees_no_arm_signs_nothing_sealed_and_the_attempt_is_on_record(desk: Desk) -> None:
    answer = desk.post(MASKED, desk.asked(MASKED, {"upto": 0, "book": "sealed"}))
    assert answer.status_code == 403
    # by then this investigator had broken a code, so that the trace is sealed
    refused = facts(desk.ledger, Book.SEALED)[-1]
    assert (refused.type, refused.actor.id) == ("sealed-access.refused/1", MASKED)


def test_whoever_has_arms_in_sight_signs_in_the_sealed_book_alone(desk: Desk) -> None:
    opened = len(facts(desk.ledger))
    of = entry(desk, visit(SUBJECTS[2]))
    dose = entry(desk, lambda fact: fact.type == "treatment.recorded/1", Book.SEALED)
    for what in (of, dose, {"upto": of["seq"]}, {"upto": of["seq"], "subject": SUBJECTS[2]}):
        answer = desk.sign(UNMASKED, what)
        assert (answer.status_code, answer.json()["book"]) == (201, "sealed"), answer.text
        assert answer.json()["seq"] is not None
    assert len(facts(desk.ledger)) == opened
    assert len(desk.listed(UNMASKED)) == 4
    assert desk.listed(UNMASKED, f"?of={dose['seq']}&book=sealed")[0]["signed_type"] == "treatment.recorded/1"
    for who in (MASKED, "sponsor-1", MONITOR):
        assert desk.listed(who) == []
    assert verify_ledger(desk.ledger, keys=own_keys(desk.ledger)).ok


def test_whoever_came_to_know_an_arm_signs_about_it_in_the_sealed_book_and_is_not_told_where(desk: Desk) -> None:
    """In this trial the investigator broke the code of the first subject, and of no other."""
    opened = len(facts(desk.ledger))
    known = desk.sign(MASKED, entry(desk, visit(SUBJECTS[0])))
    assert (known.status_code, known.json()["book"], known.json()["seq"]) == (201, "sealed", None)
    assert "location" not in known.headers
    assert len(facts(desk.ledger)) == opened
    whole = desk.sign(MASKED, {"upto": 5})  # of no subject: it may be about the one
    assert whole.json()["book"] == "sealed"
    other = desk.sign(MASKED, entry(desk, visit(SUBJECTS[1])))
    assert (other.status_code, other.json()["book"]) == (201, "open")
    assert [row["seq"] for row in desk.listed(MASKED)] == [other.json()["seq"]]
    assert [row["person"] for row in desk.listed(UNMASKED)] == [MASKED] * 3


def test_one_authentication_makes_no_sealed_signature_after_an_open_one(desk: Desk) -> None:
    opened = desk.asked(MASKED, entry(desk, visit(SUBJECTS[1])))
    sealed = desk.asked(MASKED, entry(desk, visit(SUBJECTS[0])))
    now = int(desk.time.seconds)
    assert desk.signed(MASKED, opened, auth_time=now).status_code == 201
    again = desk.signed(MASKED, sealed, auth_time=now)
    assert (again.status_code, again.json()["rule"]) == (401, "authentication-used")
    assert desk.signed(MASKED, sealed).json()["book"] == "sealed"
