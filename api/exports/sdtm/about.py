"""What is asked about one subject by all its datasets: the story, what a source says beside it, and the clock.

1. The clock starts at randomization, for everybody: in a trial with an arm without a product nobody else's first dose
   may be told, and masked and unmasked study days agree. Where a source gives its own RFSTDTC, those who see arms get
   that one, and its days.
2. What a source says fills in what no event says. A variable of which an event speaks is the event's, for it may have
   been corrected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from api.exports.sdtm.days import Element, epoch_of, study_day
from api.sdtm.kept import key_of
from api.sdtm.words import code_of
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from projections.histories import History
from projections.subject import SubjectStory, happened, story_of

Values = Mapping[str, str]
KeptOfSubject = Mapping[str, Sequence[Values]]
"""Dataset -> the values of its rows that the sealed book keeps for one subject."""


def provenance_of(fact: Fact | None) -> Mapping[str, Any]:
    """The provenance of a fact; empty for what was recorded here."""
    return {} if fact is None else fact.data.get("provenance") or {}


def source_values(fact: Fact | None) -> Values:
    """What the source of an imported fact says beside it."""
    return provenance_of(fact).get("values") or {}


def imported(fact: Fact | None) -> bool:
    """Whether a fact was imported."""
    return provenance_of(fact).get("kind") == "import"


def stated(fact: Fact) -> str | None:
    """When a fact occurred, unless the import took that from elsewhere or made it up."""
    provenance = provenance_of(fact)
    found = (*provenance.get("imputed", ()), *provenance.get("synthesised", ()))
    return None if imported(fact) and "occurred_at" in found else happened(fact)


@dataclass(frozen=True)
class About:
    """One subject. `sealed` is empty for masked audiences."""

    protocol: Protocol
    history: History
    unmasked: bool
    sealed: KeptOfSubject

    @cached_property
    def story(self) -> SubjectStory:
        return story_of(self.history)

    @cached_property
    def consent(self) -> Fact | None:
        return self.story.consents[0] if self.story.consents else None

    @cached_property
    def source(self) -> Values:
        """The subject's row of DM as an import has it, without what depends on an arm; empty without one."""
        return source_values(self.consent)

    @cached_property
    def sealed_source(self) -> Values:
        """What depends on an arm in that row."""
        return next(iter(self.sealed.get("DM", ())), {})

    def sealed_values(self, domain: str, key: str | None) -> Values:
        """What depends on an arm in the row of a domain with that number, or of that visit."""
        name = key_of(domain)
        found = next((row for row in self.sealed.get(domain, ()) if key and row.get(name) == key), {})
        return {column: value for column, value in found.items() if column != name}

    @property
    def usubjid(self) -> str:
        subject = self.story.subject
        return self.source.get("USUBJID") or f"{self.protocol.registration.org_study_id}-{subject}"

    @cached_property
    def reference(self) -> str | None:
        """RFSTDTC, from which study days count."""
        if self.sealed_source:
            return self.sealed_source.get("RFSTDTC")
        return self.story.randomized_on

    def day(self, at: str | None) -> int | None:
        return study_day(at, self.reference)

    def epoch(self, at: str | None) -> str | None:
        return epoch_of(at, self.elements)

    @cached_property
    def ended(self) -> str | None:
        """When the subject's part in the trial ended: the death, else the last end that stands."""
        ends = [happened(fact) for status, fact in self.story.ends() if status != "IN_FOLLOW_UP"]
        return self.story.died_on or (ends[-1] if ends else None)

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """The epochs that the subject went through. The treatment ends with the disposition that says so, or with a
        withdrawal from it; without either, and without follow-up in the protocol, with the trial for the subject."""
        story = self.story
        began = happened(self.consent)
        if began is None:
            return ()
        randomized, ended = story.randomized_on, self.ended
        if randomized is None:
            failed = happened(story.screening) if story.screening and not story.screening.data.get("eligible") else None
            return (Element("SCREENING", began, ended or failed),)
        stops = [
            happened(fact)
            for fact in (*story.dispositions, *story.withdrawals)
            if fact.data.get("epoch") == "TREATMENT" or fact.data.get("scope") == "INTERVENTION"
            if fact.data.get("category") != "PROTOCOL MILESTONE"
        ]
        stopped = stops[-1] if stops else None
        elements = [Element("SCREENING", began, randomized), Element("TREATMENT", randomized, stopped or ended)]
        if stopped is not None and self.protocol.settings.follow_up_days:
            elements.append(Element("FOLLOW-UP", stopped, ended))
        return tuple(elements)

    def visit_number(self, name: str | None) -> str | None:
        """The number of a planned visit: its place in the plan."""
        return next((str(number) for number, plan in enumerate(self._planned, 1) if plan.name == name), None)

    def visit_day(self, name: str | None) -> int | None:
        """The planned study day of a visit; the protocol counts from 0."""
        plan = next((plan for plan in self._planned if plan.name == name), None)
        return None if plan is None else plan.day + (plan.day >= 0)

    @cached_property
    def _planned(self) -> list[Any]:
        return sorted(self.protocol.settings.visits, key=lambda plan: plan.day)

    def arm_word(self, code: str) -> str:
        """ARMCD of an arm: as the source writes it, else its code."""
        return arm_words(self.protocol).get(code, code)

    @property
    def site(self) -> str | None:
        """SITEID: as the source writes it, else our code."""
        written = self.source.get("SITEID")
        return written if written and code_of(written) == self.story.site else self.story.site


def arm_words(protocol: Protocol) -> dict[str, str]:
    """Code -> ARMCD, where a source writes arms otherwise than the ledger's codes."""
    words = protocol.registry_extra.get("ARMCD")
    return {str(code): str(word) for code, word in words.items()} if isinstance(words, dict) else {}
