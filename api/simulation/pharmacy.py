"""The sealed side of the story: what the pharmacist writes about subjects whose arm gets the product.

Rules
- An arm without a planned dose gives no command at all.
- Planned amounts are the protocol's, per kg of the weight written down; decimals are strings.
- The mishaps are dealt in the order in which subjects first come to the pharmacy, so that every story has them: of
  each eight treated the first has a weight mistyped and later corrected, the second an interrupted infusion, the
  third a dose far from plan.
"""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from api.simulation.steps import MINUTE, SAFETY, Desk, TreatmentPlan, local
from ledger.domain.protocol import DosePlan, Protocol

_MISTYPED, _INTERRUPTED, _FAR_OFF = range(3)
_EVERY: Final = 8
_INFUSION: Final = timedelta(minutes=80)
_ACTIONS: Final = ("DOSE NOT CHANGED", "DRUG INTERRUPTED", "NOT APPLICABLE")


class Pharmacy:
    """Makes sealed commands of plans; remembers who came in which order, so one is needed for each telling."""

    def __init__(self, protocol: Protocol, *, seed: int = 1) -> None:
        self._protocol = protocol
        self._desk = Desk(seed)
        self._order: dict[str, int] = {}
        self._mistyped: dict[str, tuple[str, Decimal]] = {}
        self._reported = False

    def treatment_commands(self, plan: TreatmentPlan, arm: str) -> list[dict[str, Any]]:
        """The commands that `plan` comes to for a subject of that arm: none for an arm without doses."""
        dose = self._protocol.dose_plan(arm)
        if dose is None or plan.dose_number > dose.doses:
            return []
        match plan.kind:
            case "dose":
                return [self._preparation(plan, dose), self._dose(plan, dose), *self._interruption(plan)]
            case "action-taken":
                return [self._action(plan), *self._assessment(plan)]
            case _:
                return self._check(plan, dose)

    def _preparation(self, plan: TreatmentPlan, dose: DosePlan) -> dict[str, Any]:
        data = {
            "subject": plan.subject,
            "dose_number": plan.dose_number,
            "product": dose.intervention,
            "lot": _lot(plan),
            "prepared_amount": str(_round(dose.planned_amount(plan.weight_kg))),
            "unit": dose.unit,
        }
        name = f"{plan.subject}-dose-{plan.dose_number}-prepared"
        actor = plan.site.actor("pharmacist")
        return self._desk.command(name, "prepare-product", actor, plan.begins - 45 * MINUTE, data)

    def _mishap(self, plan: TreatmentPlan) -> int:
        return self._order.setdefault(plan.subject, len(self._order)) % _EVERY

    def _interruption(self, plan: TreatmentPlan) -> list[dict[str, Any]]:
        """What was far from plan had a reason."""
        if self._mishap(plan) != _FAR_OFF or plan.dose_number != 2:
            return []
        data = {
            "subject": plan.subject,
            "dose_number": plan.dose_number,
            "stopped_at": local(plan.begins + 45 * MINUTE),
            "reason": "Reaction at the infusion site; the rest was discarded",
        }
        name, actor = f"{plan.subject}-dose-{plan.dose_number}-interrupted", plan.site.actor("pharmacist")
        return [self._desk.command(name, "record-interruption", actor, plan.begins + 50 * MINUTE, data)]

    def _dose(self, plan: TreatmentPlan, dose: DosePlan) -> dict[str, Any]:
        mishap = self._mishap(plan)
        weight = plan.weight_kg
        if mishap == _MISTYPED and plan.dose_number == 1:
            weight = plan.weight_kg + 10
        planned = _round(dose.planned_amount(weight))
        given = _round(dose.planned_amount(plan.weight_kg) * Decimal("0.985"))
        started, ended = plan.begins, plan.begins + _INFUSION
        data: dict[str, Any] = {}
        if mishap == _INTERRUPTED and plan.dose_number == 1:
            given, ended = _round(planned * Decimal("0.93")), ended + 25 * MINUTE
            stop = started + 30 * MINUTE
            data["interruptions"] = [
                {"stopped_at": local(stop), "resumed_at": local(stop + 25 * MINUTE), "reason": "Line occluded"}
            ]
        if mishap == _FAR_OFF and plan.dose_number == 2:
            given = _round(planned * Decimal("0.6"))
        data |= {
            "subject": plan.subject,
            "dose_number": plan.dose_number,
            "product": dose.intervention,
            "lot": _lot(plan),
            "weight_kg": str(weight),
            "planned_amount": str(planned),
            "given_amount": str(given),
            "unit": dose.unit,
            "route": dose.route,
            "visit": "DAY 0" if plan.dose_number == 1 else "DAY 3",
            "started_at": local(started),
            "ended_at": local(ended),
        }
        name = f"{plan.subject}-dose-{plan.dose_number}"
        command = self._desk.command(name, "record-treatment", plan.site.actor("pharmacist"), started, data)
        if weight != plan.weight_kg:
            self._mistyped[plan.subject] = (command["id"], plan.weight_kg)
        return command

    def _action(self, plan: TreatmentPlan) -> dict[str, Any]:
        action = _ACTIONS[min(plan.dose_number, 2)]
        data = {"subject": plan.subject, "ae": plan.ae, "action": action}
        name = f"{plan.subject}-ae-{plan.ae}-action"
        return self._desk.command(name, "record-action-taken", plan.site.actor("pharmacist"), plan.begins, data)

    def _assessment(self, plan: TreatmentPlan) -> list[dict[str, Any]]:
        """The safety physician's opinion; the first serious event of a treated subject is reported as unexpected."""
        unexpected, self._reported = not self._reported, True
        data = {
            "subject": plan.subject,
            "ae": plan.ae,
            "expectedness": "UNEXPECTED" if unexpected else "EXPECTED",
            "causality": "POSSIBLE" if unexpected else "REMOTE",
            "reference": "Investigator's Brochure (simulated)",
        }
        name = f"{plan.subject}-ae-{plan.ae}-expectedness"
        made = [self._desk.command(name, "assess-expectedness", SAFETY, plan.begins, data)]
        if unexpected:
            data = {
                "subject": plan.subject,
                "ae": plan.ae,
                "report": "SIM-SUSAR-1",
                "authority": "AEMPS (simulated)",
                "aware_at": local(plan.begins),
            }
            name = f"{plan.subject}-ae-{plan.ae}-reported"
            made.append(self._desk.command(name, "report-unexpected-reaction", SAFETY, plan.at, data))
        return made

    def _check(self, plan: TreatmentPlan, dose: DosePlan) -> list[dict[str, Any]]:
        if plan.subject not in self._mistyped:
            return []
        record, weight = self._mistyped.pop(plan.subject)
        planned = str(_round(dose.planned_amount(weight)))
        data = {
            "target": {"command": record, "n": 0},
            "changes": [{"field": "weight_kg", "new": str(weight)}, {"field": "planned_amount", "new": planned}],
            "reason": "Weight mistyped by ten kilograms; the bag was made for the right one.",
        }
        name = f"{plan.subject}-dose-1-corrected"
        actor = plan.site.actor("pharmacist")
        return [self._desk.command(name, "correct-sealed-record", actor, plan.begins, data)]


def _lot(plan: TreatmentPlan) -> str:
    return f"SIM-{plan.begins:%Y%m}-{plan.site.letters}"


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
