"""Stored views are what a rebuild would make of the ledger, and an as-of is what a ledger cut there would say."""

import multiprocessing
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.vocabulary import Book
from projections import parts, runner
from projections.base import Audience, ViewDeniedError, audience_of
from projections.runner import catch_up, rebuild, show, views_folder
from projections.store import StoreUnavailableError, ViewStore
from projections.views import VIEWS
from tests.projections.building import SEEING, MemoryLedger, alive, consented, randomize, registered, visit
from tests.projections.stories import Step, steps, take, told

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED


def tables(folder: Path, audience: Audience) -> dict[str, list[tuple[object, ...]]]:
    store = ViewStore(folder / audience.file_name, audience)
    try:
        return store.tables()
    finally:
        store.close()


def answers(
    ledger: MemoryLedger, audience: Audience, folder: Path | None = None, as_of: int | None = None
) -> list[str]:
    return [
        show(ledger.reader(audience), view.name, audience, as_of=as_of, folder=folder).to_json()
        for view in VIEWS.values()
        if view.open_to(audience)
    ]


@given(story=steps, pauses=st.sets(st.integers(0, 40), max_size=4), audience=st.sampled_from(Audience))
def test_caught_up_in_any_steps_the_tables_are_those_of_a_rebuild(
    story: list[Step], pauses: set[int], audience: Audience
) -> None:
    with TemporaryDirectory() as caught, TemporaryDirectory() as rebuilt:
        ledger = registered()
        for number, step in enumerate(story):
            if number in pauses:
                catch_up(ledger.reader(audience), audience, Path(caught))
            take(ledger, step)
        catch_up(ledger.reader(audience), audience, Path(caught))
        rebuild(ledger.reader(audience), audience, Path(rebuilt))
        assert tables(Path(caught), audience) == tables(Path(rebuilt), audience)
        assert answers(ledger, audience, Path(caught)) == answers(ledger, audience)


@given(story=steps, data=st.data(), audience=st.sampled_from(Audience))
def test_as_of_any_position_equals_a_ledger_cut_there(
    story: list[Step], data: st.DataObject, audience: Audience
) -> None:
    ledger = told(story)
    seq = data.draw(st.integers(0, len(ledger.heads[Book.OPEN]) - 1))
    size = sum(fact.open_seq <= seq for fact in ledger.facts)
    cut = ledger.cut(size)
    assert answers(ledger, audience, as_of=seq) == answers(cut, audience)


@given(story=steps, data=st.data(), audience=st.sampled_from(Audience), far=st.sampled_from([1, 4]))
def test_the_past_made_of_what_is_stored_equals_the_past_folded_from_the_facts(
    story: list[Step], data: st.DataObject, audience: Audience, far: int
) -> None:
    ledger = told(story)
    stored = data.draw(st.integers(0, len(ledger.heads[Book.OPEN]) - 1))
    seq = data.draw(st.integers(0, len(ledger.heads[Book.OPEN]) - 1))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "_FAR_BACK", far)
        behind = ledger.cut(sum(fact.open_seq <= stored for fact in ledger.facts))
        catch_up(behind.reader(audience), audience, Path(folder))
        assert answers(ledger, audience, Path(folder), as_of=seq) == answers(ledger, audience, as_of=seq)
        assert answers(ledger, audience, Path(folder)) == answers(ledger, audience)


def test_the_newest_past_reads_only_the_streams_that_went_on_since(tmp_path: Path) -> None:
    ledger = registered()
    for number in range(40):
        ledger.append(consented(f"S-{number}"))
    catch_up(ledger.reader(MASKED), MASKED, tmp_path)
    reader = ledger.reader(MASKED)
    then = show(reader, "subjects", MASKED, as_of=len(ledger.heads[Book.OPEN]) - 3, folder=tmp_path)
    assert len(then.rows) == 38
    assert reader.streams_read == 3  # the two, and that of the trial


@given(story=steps, audience=st.sampled_from(Audience))
def test_a_ledger_too_large_to_hold_has_the_same_tables_and_the_same_past(
    story: list[Step], audience: Audience
) -> None:
    ledger = told(story)
    middle = len(ledger.heads[Book.OPEN]) // 2
    with TemporaryDirectory() as held, TemporaryDirectory() as streamed, pytest.MonkeyPatch.context() as patch:
        rebuild(ledger.reader(audience), audience, Path(held))
        then = answers(ledger, audience, as_of=middle)
        patch.setattr(runner, "IN_MEMORY", 0)
        patch.setattr(parts, "FACTS", 5)
        reader = ledger.reader(audience)
        rebuild(reader, audience, Path(streamed))
        assert reader.streams_read > 0
        assert tables(Path(streamed), audience) == tables(Path(held), audience)
        assert answers(ledger, audience, as_of=middle) == then


@given(story=steps)
def test_masked_answers_do_not_depend_on_the_sealed_book(story: list[Step]) -> None:
    ledger = told(story)
    without = MemoryLedger()
    without.facts = [fact for fact in ledger.facts if fact.book is Book.OPEN]
    without.heads[Book.OPEN] = ledger.heads[Book.OPEN]
    assert answers(ledger, MASKED) == answers(without, MASKED)


@given(story=steps)
def test_a_reader_of_both_books_cannot_unmask_a_masked_view(story: list[Step]) -> None:
    ledger = told(story)
    careless = [
        show(ledger.reader(UNMASKED), view.name, MASKED).to_json() for view in VIEWS.values() if view.open_to(MASKED)
    ]
    assert careless == answers(ledger, MASKED)


def test_a_deleted_file_is_made_again_with_the_same_tables(tmp_path: Path) -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    before = tables(tmp_path, UNMASKED)
    (tmp_path / "unmasked.db").unlink()
    rebuild(ledger.reader(), UNMASKED, tmp_path)
    assert tables(tmp_path, UNMASKED) == before


def test_a_new_fact_folds_only_its_own_key_again(tmp_path: Path) -> None:
    ledger = registered()
    for number in range(1, 30):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    ledger.append(visit("S7", "DAY 3", "2020-05-15"))
    reader = ledger.reader()
    catch_up(reader, UNMASKED, tmp_path)
    assert reader.streams_read == 1


def test_masked_and_unmasked_views_lie_in_two_files_and_the_masked_one_has_no_arm(tmp_path: Path) -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    for audience in Audience:
        catch_up(ledger.reader(audience), audience, tmp_path)
    assert (tmp_path / "unmasked.db").stat().st_mode & 0o077 == 0
    assert "v_exposure" not in tables(tmp_path, MASKED)
    assert b"TREATMENT" not in (tmp_path / "open.db").read_bytes().replace(b"TREATMENT RECORDED", b"")
    assert b"TREATMENT" in (tmp_path / "unmasked.db").read_bytes()


def test_no_stored_table_holds_a_name(tmp_path: Path) -> None:
    ledger = registered()
    ledger.append(consented("S1", subject_name="Ada Byron"))
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    assert b"Byron" not in (tmp_path / "unmasked.db").read_bytes()


def test_a_ledger_that_was_rolled_back_and_went_another_way_starts_the_views_over(tmp_path: Path) -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    other = registered()
    randomize(other, "S2", "CONTROL")
    assert answers(other, UNMASKED, tmp_path) == answers(other, UNMASKED)
    shorter = registered()
    assert answers(shorter, UNMASKED, tmp_path) == answers(shorter, UNMASKED)


def test_a_view_starts_over_when_its_code_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    view = VIEWS["subjects"]
    monkeypatch.setattr(type(view), "version", 99)
    monkeypatch.setattr(type(view), "stored", view.stored[::-1])
    ledger.append(alive("S1", "2020-05-11"))
    result = show(ledger.reader(), "subjects", UNMASKED, folder=tmp_path)
    assert (result.version, result.rows[0]["last_contact"]) == (99, "2020-05-11")
    assert tables(tmp_path, UNMASKED)["v_subjects"][0][2] is None  # `arm` is the first column now


def test_the_code_of_a_view_names_its_version_columns_and_source() -> None:
    codes = {runner.code_of(view, audience) for view in VIEWS.values() for audience in Audience}
    assert len(codes) == sum(1 + any(column.sealed for column in view.stored) for view in VIEWS.values()), codes


def test_a_file_of_another_schema_is_emptied_and_one_that_is_no_database_replaced(tmp_path: Path) -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    expected = answers(ledger, MASKED)
    connection = apsw.Connection(str(tmp_path / "open.db"))
    connection.execute("CREATE TABLE v_subjects (old); PRAGMA user_version = 99")
    connection.close()
    assert answers(ledger, MASKED, tmp_path) == expected
    (tmp_path / "open.db").write_bytes(b"not a database, and long enough to be taken for one" * 100)
    assert answers(ledger, MASKED, tmp_path) == expected
    assert len(tables(tmp_path, MASKED)["v_subjects"]) == 1


def test_a_damaged_page_costs_an_answer_from_memory_and_the_file_is_made_again(tmp_path: Path) -> None:
    ledger = registered()
    for number in range(1, 60):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    catch_up(ledger.reader(MASKED), MASKED, tmp_path)
    path = tmp_path / "open.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    expected = answers(ledger, MASKED)
    assert answers(ledger, MASKED, tmp_path) == expected
    assert answers(ledger, MASKED, tmp_path) == expected
    assert len(tables(tmp_path, MASKED)["v_subjects"]) == 59


def test_where_views_cannot_be_kept_they_are_made_in_memory(tmp_path: Path) -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    blocked = tmp_path / "file" / "views"
    (tmp_path / "file").write_text("not a folder")
    assert answers(ledger, MASKED, blocked) == answers(ledger, MASKED)
    with pytest.raises(StoreUnavailableError):
        catch_up(ledger.reader(MASKED), MASKED, blocked)


def test_an_exception_in_the_middle_leaves_tables_and_position_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    before = tables(tmp_path, UNMASKED)
    ledger.append(visit("S1", "DAY 3", "2020-05-15"))

    def fail(*_: object) -> None:
        raise RuntimeError("power went")

    with monkeypatch.context() as patch:
        patch.setattr(ViewStore, "settle", fail)
        with pytest.raises(RuntimeError):
            catch_up(ledger.reader(), UNMASKED, tmp_path)
    assert tables(tmp_path, UNMASKED) == before
    catch_up(ledger.reader(), UNMASKED, tmp_path)
    assert answers(ledger, UNMASKED, tmp_path) == answers(ledger, UNMASKED)


def _keep_catching_up(folder: Path, ledger: MemoryLedger, rounds: int) -> None:
    for size in range(2, len(ledger.facts), max(1, len(ledger.facts) // rounds)):
        catch_up(ledger.cut(size).reader(), UNMASKED, folder)
    catch_up(ledger.reader(), UNMASKED, folder)


def test_several_processes_at_once_leave_the_tables_of_a_rebuild(tmp_path: Path) -> None:
    ledger = registered()
    for number in range(1, 9):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=_keep_catching_up, args=(tmp_path / "shared", ledger, rounds)) for rounds in (5, 7, 11)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    # A process may have been behind last; whoever comes next finds out.
    catch_up(ledger.reader(), UNMASKED, tmp_path / "shared")
    rebuild(ledger.reader(), UNMASKED, tmp_path / "alone")
    assert tables(tmp_path / "shared", UNMASKED) == tables(tmp_path / "alone", UNMASKED)


def test_only_who_has_both_books_and_arms_is_unmasked() -> None:
    both = frozenset(Book)
    assert audience_of(both, {"plain", "arm", "header"}) is UNMASKED
    assert audience_of(both, {"plain", "identity"}) is MASKED
    assert audience_of({Book.OPEN}, {"plain", "arm"}) is MASKED


def test_who_may_read_neither_book_has_no_view() -> None:
    with pytest.raises(ViewDeniedError, match="neither book"):
        audience_of((), ())


def test_views_lie_beside_their_ledger() -> None:
    assert views_folder(Path("out/NCT04348461.db")) == Path("out/NCT04348461.db.views")


def test_an_unmasked_view_is_denied_where_no_arm_is_in_sight_whatever_audience_is_named() -> None:
    ledger = registered()
    for view in ("subjects", "exposure"):
        with pytest.raises(ViewDeniedError, match="no arms"):
            show(ledger.reader(), view, UNMASKED, sight=SEEING[MASKED], role="auditor")
        assert show(ledger.reader(), view, UNMASKED, sight=SEEING[UNMASKED], role="auditor").view == view
