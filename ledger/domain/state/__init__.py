"""What decisions need to know of the trial and of one subject, folded from facts.

States are values: the same facts give equal states. What is of the open book never holds anything sealed; what is
sealed has a state of its own.
"""

from ledger.domain.state.folding import CorrectionInFoldError, is_correction, needs_refold
from ledger.domain.state.sealed import Dose, SealedSubjectState
from ledger.domain.state.subject import AdverseEventState, ScreeningState, SubjectState
from ledger.domain.state.trial import Halt, SiteState, TrialState

__all__ = [
    "AdverseEventState",
    "CorrectionInFoldError",
    "Dose",
    "Halt",
    "ScreeningState",
    "SealedSubjectState",
    "SiteState",
    "SubjectState",
    "TrialState",
    "is_correction",
    "needs_refold",
]
