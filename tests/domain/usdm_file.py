"""A small protocol in USDM 4, as JSON values: two arms, a dose given once, criteria with a parameter, visits.

Written for the tests by the class model of CDISC's Digital Data Flow, USDM 4.0 (https://www.cdisc.org/ddf), with codes
of its controlled terminology. No trial is like this.
"""

from decimal import Decimal
from itertools import count
from typing import Any

Value = dict[str, Any]


def usdm_file() -> Value:
    """A new file each time."""
    return _File().value()


class _File:
    def __init__(self) -> None:
        self._numbers = count(1)

    def of(self, kind: str, identity: str | None = None, **members: Any) -> Value:
        return {"id": identity or f"{kind}_{next(self._numbers)}", "instanceType": kind, **members}

    def code(self, code: str, decode: str) -> Value:
        system = {"codeSystem": "http://www.cdisc.org", "codeSystemVersion": "2024-09-27"}
        return self.of("Code", code=code, decode=decode, **system)

    def alias(self, code: str, decode: str) -> Value:
        return self.of("AliasCode", standardCode=self.code(code, decode), standardCodeAliases=[])

    def quantity(self, value: str, unit: Value | None = None, identity: str | None = None) -> Value:
        return self.of("Quantity", identity, value=Decimal(value), unit=unit)

    def value(self) -> Value:
        return {
            "study": self.of(
                "Study",
                "Study_1",
                name="NASAL-1",
                label=None,
                description=None,
                versions=[self._version()],
                documentedBy=[self.of("StudyDefinitionDocument", name="DOC", language=self.code("en", "English"))],
            ),
            "usdmVersion": "4.0.0",
            "systemName": "by hand",
            "systemVersion": "1",
        }

    def _version(self) -> Value:
        sponsor = self.of(
            "Organization",
            "Organization_1",
            name="ACME",
            label="Acme Pharma",
            type=self.code("C54149", "Drug Company"),
            identifierScheme="DUNS",
            identifier="1234",
            managedSites=[
                self.of("StudySite", name="SITE_1", label="", country=self.code("ESP", "Spain")),
            ],
        )
        registry = self.of(
            "Organization",
            "Organization_2",
            name="CT-GOV",
            label="",
            type=self.code("C93453", "Study Registry"),
            identifierScheme="none",
            identifier="CT",
            managedSites=[],
        )
        reference = '<usdm:ref klass="Quantity" id="Quantity_min" attribute="value"></usdm:ref>'
        return self.of(
            "StudyVersion",
            "StudyVersion_1",
            versionIdentifier="2",
            rationale="To see whether it works.",
            titles=[
                self.of("StudyTitle", text="Nasal thing", type=self.code("C207615", "Brief Study Title")),
                self.of(
                    "StudyTitle", text="A trial of a nasal thing", type=self.code("C207616", "Official Study Title")
                ),
                self.of("StudyTitle", text="For everybody", type=self.code("C207617", "Public Study Title")),
            ],
            studyIdentifiers=[
                self.of("StudyIdentifier", text="ACME-1", scopeId="Organization_1"),
                self.of("StudyIdentifier", text="NCT01234567", scopeId="Organization_2"),
                self.of("StudyIdentifier", text="2020-000001-23", scopeId="Organization_2"),
            ],
            organizations=[sponsor, registry],
            roles=[
                self._role("ROLE_1", "C70793", "Sponsor", organizations=["Organization_1"]),
                self._role("ROLE_2", "C41189", "Study Subject", masked=True),
                self._role("ROLE_3", "C25936", "Investigator", masked=True),
            ],
            eligibilityCriterionItems=[
                self.of(
                    "EligibilityCriterionItem",
                    "Item_1",
                    name="INC1",
                    text='<p>At least <usdm:tag name="min_age"/> years of age &amp; able to <b>consent</b></p>',
                    dictionaryId="Dictionary_1",
                ),
                self.of("EligibilityCriterionItem", "Item_2", name="EXC1", text="A blocked nose", dictionaryId=None),
            ],
            dictionaries=[
                self.of(
                    "SyntaxTemplateDictionary",
                    "Dictionary_1",
                    name="IE",
                    parameterMaps=[self.of("ParameterMap", tag="min_age", reference=reference)],
                )
            ],
            studyInterventions=[self._intervention()],
            narrativeContentItems=[self.of("NarrativeContentItem", name="1", text="A long text.")],
            amendments=[],
            studyDesigns=[self._design()],
        )

    def _role(
        self, name: str, code: str, decode: str, *, masked: bool = False, organizations: list[str] | None = None
    ) -> Value:
        masking = self.of("Masking", text="masked", isMasked=True) if masked else None
        return self.of(
            "StudyRole",
            name=name,
            code=self.code(code, decode),
            organizationIds=organizations or [],
            masking=masking,
            assignedPersons=[],
            appliesToIds=[],
        )

    def _intervention(self) -> Value:
        administration = self.of(
            "Administration",
            name="ONE",
            dose=self.quantity("3.0", self.alias("C28253", "Milligram")),
            route=self.alias("C38284", "Nasal"),
            frequency=self.alias("C64576", "Once"),
            duration=self.of("Duration", text="once", durationWillVary=False),
        )
        return self.of(
            "StudyIntervention",
            "Intervention_1",
            name="NASAL",
            label="Nasal thing",
            description="A powder",
            role=self.code("C41161", "Protocol Agent"),
            type=self.code("C1909", "Pharmacologic Substance"),
            administrations=[administration],
        )

    def _design(self) -> Value:
        year = self.alias("C29848", "Year")
        ages = self.of("Range", minValue=self.quantity("18", year, "Quantity_min"), maxValue=None, isApproximate=False)
        return self.of(
            "InterventionalStudyDesign",
            "Design_1",
            name="MAIN",
            rationale="Parallel is simple.",
            studyType=self.code("C98388", "Interventional Study"),
            studyPhase=self.alias("C15694", "Phase II/III Trial"),
            model=self.code("C82639", "Parallel Study"),
            intentTypes=[self.code("C49656", "Treatment Study")],
            blindingSchema=self.alias("C15228", "Double Blind Study"),
            characteristics=[self.code("C46079", "Randomized Controlled Clinical Trial")],
            indications=[self.of("Indication", name="IND", label="Hypoglycaemia", isRareDisease=False, codes=[])],
            arms=[
                self.of("StudyArm", "Arm_1", name="Nasal", label="", type=self.code("C174266", "Investigational Arm")),
                self.of("StudyArm", "Arm_2", name="No spray", label="Control", type=self.code("C174268", "Placebo")),
            ],
            epochs=[self.of("StudyEpoch", "Epoch_1", name="TREATMENT", type=self.code("C101526", "Treatment Epoch"))],
            elements=[
                self.of("StudyElement", "Element_1", name="SPRAY", studyInterventionIds=["Intervention_1"]),
                self.of("StudyElement", "Element_2", name="NOTHING", studyInterventionIds=[]),
            ],
            studyCells=[
                self.of("StudyCell", armId="Arm_1", epochId="Epoch_1", elementIds=["Element_1"]),
                self.of("StudyCell", armId="Arm_2", epochId="Epoch_1", elementIds=["Element_2"]),
            ],
            studyInterventionIds=["Intervention_1"],
            population=self.of(
                "StudyDesignPopulation",
                name="POP",
                includesHealthySubjects=False,
                plannedEnrollmentNumber=self.quantity("80.0"),
                plannedCompletionNumber=None,
                plannedSex=[self.code("C16576", "Female")],
                plannedAge=ages,
                criterionIds=["Criterion_1", "Criterion_2"],
                cohorts=[],
            ),
            eligibilityCriteria=[
                self.of(
                    "EligibilityCriterion",
                    "Criterion_1",
                    name="IN01",
                    identifier="01",
                    category=self.code("C25532", "Inclusion Criteria"),
                    criterionItemId="Item_1",
                ),
                self.of(
                    "EligibilityCriterion",
                    "Criterion_2",
                    name="EX01",
                    identifier="02",
                    category=self.code("C25370", "Exclusion Criteria"),
                    criterionItemId="Item_2",
                ),
            ],
            objectives=[
                self.of(
                    "Objective",
                    name="OBJ1",
                    text="To see whether it works",
                    level=self.code("C85826", "Primary Objective"),
                    endpoints=[
                        self.of(
                            "Endpoint",
                            name="END1",
                            text="Glucose after <i>30</i> minutes",
                            purpose="Efficacy",
                            level=self.code("C94496", "Primary Endpoint"),
                        )
                    ],
                )
            ],
            estimands=[self.of("Estimand", name="EST", populationSummary="Odds ratio")],
            encounters=[
                self.of("Encounter", f"Encounter_{number}", name=name, label="", type=self.code("C25716", "Visit"))
                for number, name in enumerate(("SCREENING", "DAY 1", "WEEK 2", "UNPLACED"), 1)
            ],
            activities=[self.of("Activity", name="WEIGHT")],
            scheduleTimelines=[self._timeline()],
        )

    def _timeline(self) -> Value:
        def instance(number: int, encounter: str) -> Value:
            return self.of("ScheduledActivityInstance", f"Instance_{number}", encounterId=encounter, activityIds=[])

        def timing(start: int, to: int, kind: Value, value: str, lower: str | None = None) -> Value:
            ends = {
                "relativeFromScheduledInstanceId": f"Instance_{start}",
                "relativeToScheduledInstanceId": f"Instance_{to}",
            }
            return self.of("Timing", type=kind, value=value, windowLower=lower, windowUpper=lower, **ends)

        return self.of(
            "ScheduleTimeline",
            name="MAIN",
            mainTimeline=True,
            entryCondition="consented",
            instances=[
                instance(1, "Encounter_1"),
                instance(2, "Encounter_2"),
                instance(3, "Encounter_3"),
                instance(4, "Encounter_3"),
                instance(5, "Encounter_4"),
            ],
            timings=[
                timing(1, 2, self.code("C201357", "Before"), "P2W"),
                timing(2, 2, self.code("C201358", "Fixed Reference"), "P1D"),
                timing(3, 2, self.code("C201356", "After"), "P14D", "P3D"),
                timing(4, 3, self.code("C201356", "After"), "PT48H", "P1D"),
                timing(5, 2, self.code("C201356", "After"), "P1M"),
            ],
        )
