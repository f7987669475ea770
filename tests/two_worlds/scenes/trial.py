"""Scenes of the trial as a whole: sites, halts, locks, amendments, imports."""

from tests.two_worlds.telling import Teller, scenes_of


def sites(teller: Teller, which: int, variant: int) -> None:
    type_ = ("activate-site", "close-site")[variant % 2]
    teller.tell(type_, {"site": ("S02", "S01", "S09")[which % 3]}, "sponsor")


def halt(teller: Teller, which: int, variant: int) -> None:
    type_, more = (
        ("halt-trial", {}),
        ("suspend-trial", {"authority": "AEMPS"}),
        ("impose-clinical-hold", {"authority": "FDA"}),
    )[variant % 3]
    teller.tell(type_, {"reason": "lack of money", **more}, "sponsor")
    if which % 2:
        teller.tell("record-visit", {"subject": teller.someone(which), "visit": "DAY 3"})
        teller.turn("pharmacy", teller.someone(which), variant)
    if variant < 6:
        teller.tell("restart-trial", {"reason": "money"}, "sponsor")


def lock(teller: Teller, which: int, variant: int) -> None:
    teller.tell("declare-data-cut-off", {"cut_off": "2020-06-30", "purpose": "interim"}, "sponsor")
    teller.tell("lock-database", {"reason": "analysis"}, "data-manager")
    if variant % 2:
        teller.turn("pharmacy", teller.someone(which), variant)
        teller.tell("record-visit", {"subject": teller.someone(which), "visit": "DAY 3"})
    if variant < 6:
        teller.tell("unlock-database", {"reason": "more data"}, "sponsor")


def the_committee(teller: Teller, which: int, variant: int) -> None:  # noqa: ARG001
    """Its recommendation is an act of the closed list: open, and the same in both worlds."""
    advice = ("CONTINUE", "STOP", "PAUSE_RECRUITMENT")[variant % 3]
    teller.tell("record-dmc-recommendation", {"recommendation": advice}, "dmc")


def notification(teller: Teller, which: int, variant: int) -> None:
    """One that is recorded, and some that are refused: of a rule that is sealed, of no rule."""
    duty = ("EU-CTD-HALT", "EU-CTD-17-1A", "EU-CTR-37-5", "NO-SUCH")[variant % 4]
    recipient = ("AUTHORITY", "ETHICS_COMMITTEE")[which % 2]
    teller.tell("record-notification", {"duty": duty, "recipient": recipient, "name": "AEMPS"}, "sponsor")


def amendment(teller: Teller, which: int, variant: int) -> None:  # noqa: ARG001
    protocol = teller.protocol.model_dump(mode="json")
    if variant == 3:  # one that is refused
        protocol["arms"] = protocol["arms"][:1]
    data = {"amendment": f"A-{variant}", "reason": "clearer words", "protocol": protocol}
    teller.tell("amend-protocol", data, "sponsor")


def second_registration(teller: Teller, which: int, variant: int) -> None:  # noqa: ARG001
    teller.tell("register-trial", {"protocol": teller.protocol.model_dump(mode="json")}, "sponsor")


def the_end_of_the_trial(teller: Teller, which: int, variant: int) -> None:
    teller.turn("pharmacy", teller.someone(which), variant)
    if variant > 4:
        teller.tell("terminate-trial", {"reason": "lack of money"}, "sponsor")


def imported(teller: Teller, which: int, variant: int) -> None:
    """What a source claims; the arms it names are swapped with the world, and what it says of doses is sealed."""
    subject = f"I{len(teller.subjects) + 1}"
    teller.subjects.append(subject)
    consent = {"subject": subject, "site": "S01", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    day = {"occurred_at": teller.at.isoformat()[:10], "importing": True}
    arm = teller.protocol.arms[variant % 2].code
    claimed = {"subject": subject, "arm": arm, "stratum": "S01"}
    record = {
        "study": "S",
        "metadata_version": "1",
        "subject_key": subject,
        "study_event": "V1",
        "form": "DM",
        "item_group": "DM",
        "item": "SEX",
        "value": "M" if which else "F",
        "claimed": {"user": "u", "location": "S01", "at": f"{day['occurred_at']}T10:00:00", "source_id": subject},
    }
    file = {"name": "dm.csv", "sha256": "0" * 64, "rows": 1, "recorded": 1, "rejected": 0}
    for type_, data in (
        ("record-consent", consent),
        ("claim-screening", {"subject": subject, "values": {}, "eligible": True}),
        ("enrol-subject", {"subject": subject}),
        ("claim-randomization", claimed),
        ("claim-source-record", record),
        ("report-import", {"tool": "import sdtm", "files": [file]}),
    ):
        teller.tell(type_, data, "data-manager", **day)
    teller.turn("import", subject, which)


SCENES = scenes_of(globals())
