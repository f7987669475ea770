"""What a command says, kept as a digest, and the id under which the open book has it.

1. The digest is keyed, under the key of the most guarded class of what the command says. What names a person is
   digested under that subject's own key, and its digest ends with it.
2. What is refused here is refused from open facts alone, before a key is made or asked for: whether a key is there
   must make no difference to the answer.
"""

from collections.abc import Callable

from ledger.application.answers import CommandRefusedError
from ledger.application.reading import Reading
from ledger.domain.commands import Command
from ledger.domain.decisions import CommandSpec, Reads, Refusal, check_role, subject_of
from ledger.domain.decisions.routing import check_unblinded, nameless, unblinded
from ledger.domain.decisions.unblinding import check_erased, named_field
from ledger.domain.events.base import Facts, subject_stream
from ledger.domain.events.conduct import AboutRecord, Correction
from ledger.domain.vocabulary import Book
from ledger.keys.file import DestroyedKeyError, KeysError, TrialKeys, keys_folder
from ledger.proof.canonical import encode
from ledger.proof.sealed import command_mark
from ledger.proof.sections import IDENTITY
from ledger.recording.drafts import WritingKeys


class Saying:
    """Digests and ids of the commands of one ledger."""

    def __init__(self, reading: Reading, keys: TrialKeys, writing: WritingKeys, random: Callable[[int], bytes]) -> None:
        self._writing = writing
        self._reading = reading
        self._keys = keys
        self._random = random
        self._path = reading.open.path

    def digest(self, command: Command[Facts], spec: CommandSpec) -> str:
        """The keyed digest of all that the command says, under the key of its most guarded class.

        Raises CommandRefusedError for names that are not to be taken, and KeysError.
        """
        said = encode(command.model_dump(mode="json", exclude_none=True))
        if spec.sealed or "arm" in type(command.data).model_fields or nameless(command):
            return self._keys.digest_of("arm", said)
        subject = self._named(command, spec)
        if subject is None:
            return self._keys.digest_of("open", said)
        stream = subject_stream(subject)
        self._refuse_names_of_erased(command, subject, fresh=False)
        if self._keys.section_key(IDENTITY, stream) is None:
            self._refuse_names_of_unblinded(command, subject)
        try:
            self._writing.make_section_key(IDENTITY, stream, self._random)
            return self._keys.digest_of(f"identity:{stream}", said)
        except DestroyedKeyError:
            self._refuse_names_of_erased(command, subject, fresh=True)
            raise

    def _refuse_names_of_erased(self, command: Command[Facts], subject: str, *, fresh: bool) -> None:
        """From what is open alone: whether the key is destroyed yet must make no difference to the answer."""
        with self._reading.lock:
            target = self._reading.target(command.data, Book.OPEN) if isinstance(command.data, AboutRecord) else None
            state = self._reading.subject(subject_stream(subject), fresh=fresh).state
            try:
                if state.identity_erased_at is not None:
                    check_role(command)
                    check_erased(command, Reads(self._reading.trial()[1], state, target=target))
            except Refusal as refusal:
                raise CommandRefusedError(refusal) from None

    def _refuse_names_of_unblinded(self, command: Command[Facts], subject: str) -> None:
        """Before a key is made for them: who knows an arm draws nothing from the open book's source of randomness."""
        with self._reading.lock:
            target = self._reading.target(command.data, Book.OPEN) if isinstance(command.data, AboutRecord) else None
            state = self._reading.subject(subject_stream(subject), fresh=False).state
            try:
                check_unblinded(command, unblinded(command, self._reading.trial()[1], subject, state, target), target)
            except Refusal as refusal:
                raise CommandRefusedError(refusal) from None

    def known_as(self, command: Command[Facts]) -> str:
        """The id under which the open book has a command: a mark of it where it does not say whose it is."""
        if not nameless(command):
            return command.id
        if (marks := self._keys.marks) is None:
            folder = keys_folder(self._path)
            raise KeysError(f"{folder}: who gives this command is sealed, and the key for that is not here")
        return f"masked-{command_mark(marks, command.id)}"

    def _named(self, command: Command[Facts], spec: CommandSpec) -> str | None:
        """The subject of whom the command names somebody; None where it names nobody."""
        data = command.data
        target = self._reading.target(data, Book.OPEN) if isinstance(data, Correction) and not spec.sealed else None
        return None if named_field(command, target) is None else subject_of(command, target)
