"""The library's runners say of each subject what our view says, of the same events; and what is timed is all of it."""

from contextlib import closing
from pathlib import Path

from eventsourcing.projection import ProjectionRunner

from api.bootstrap import viewing
from ledger.domain.vocabulary import Book
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader
from tests.bench.rebuilding import _folded
from tests.bench.runners import InMemory, Kept, Library, Persisted, Subjects
from tests.bench.trials import build


def test_both_say_the_same_of_the_same_events(tmp_path: Path) -> None:
    path = build(tmp_path / "trial.db", 1_000)
    with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))) as reader, reader:
        facts = list(reader.facts())
    ours = {f"subject/{row['subject']}": row for row in viewing(path, "statistician").show("subjects", None).rows}
    with closing(Library(tmp_path, facts, 50)) as library:
        assert library.count == len(facts) > 1_000
        with ProjectionRunner(application_class=Kept, projection_class=Subjects, view_class=InMemory) as runner:
            runner.wait(len(facts), timeout=60)
            theirs = runner.view.rows
        for subject, row in ours.items():
            for name in ("site", "consented", "screened", "enrolled", "randomized"):
                assert theirs[subject].get(name) == row[name], (subject, name)
        assert library.in_memory() > 0
        assert library.in_sqlite() > 0
        environment = {"SUBJECTS_PERSISTENCE_MODULE": "eventsourcing.sqlite", "SUBJECTS_SQLITE_DBNAME": ":memory:"}
        with ProjectionRunner(
            application_class=Kept, projection_class=Subjects, view_class=Persisted, env=environment
        ) as kept:
            kept.wait(len(facts), timeout=60)
            with kept.view.datastore.transaction(commit=False) as c:
                c.execute("SELECT subject, consented, last_contact FROM subjects")
                rows = {row["subject"]: dict(row) for row in c.fetchall()}
    for subject, row in ours.items():
        assert rows[subject]["consented"] == theirs[subject].get("consented") == row["consented"]
        assert rows[subject]["last_contact"] == theirs[subject].get("last_contact")
    memory: list[float] = []
    assert _folded(path, tmp_path, 2, "", memory) > 0
    assert 1 < memory[0] < 256
