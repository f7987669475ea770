"""Where commands become entries: read what the decision needs, decide, append under guards, or refuse.

1. A command that was recorded before is answered as it was then, whatever has happened since.
2. What a decision reads becomes a guard: a stream and the version at which it was read. If it has moved on when
   the append takes the lock, everything is read and decided again. So two processes cannot race past a rule.
3. A refusal on remembered state is decided once more on fresh state before it is given.
4. The command of a masked person never reads the sealed book; the sealed half of it takes whichever version is
   free, and cannot fail for a sealed reason.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ledger.domain.commands import COMMANDS, Command, CommandSpec
from ledger.domain.decisions import Decision, Reads, Refusal, decide
from ledger.domain.events import Event
from ledger.domain.events.base import TRIAL_STREAM, subject_stream
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.domain.randomization import arm_at
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.file import TrialKeys
from ledger.proof.canonical import encode
from ledger.proof.entry import Actor
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.drafts import Append, CommandMark, Guard, Randomness, Recorded
from ledger.recording.engine import create_ledger
from ledger.recording.mapper import anchoring, open_drafts, sealed_drafts
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks, VersionConflict, utc_now

_ATTEMPTS: Final = 50
_REMEMBERED: Final = 10_000
