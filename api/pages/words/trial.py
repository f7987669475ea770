"""The words of the trials, the overview, the participant flow and enrolment."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "trials.title": ("Trials", "Ensayos"),
    "trials.none": (
        "You have no role in any trial of this server.",
        "No tiene ningún papel en los ensayos de este servidor.",
    ),
    "trials.as": ("as {role}", "como {role}"),
    "trials.sites": ("own sites: {sites}", "centros propios: {sites}"),
    "overview.title": ("Overview", "Resumen"),
    "overview.status": ("Where the trial stands", "Situación del ensayo"),
    "overview.since": ("since", "desde"),
    "overview.why": ("Why", "Por qué"),
    "overview.by": ("Recorded by", "Registrado por"),
    "overview.number": ("Registration", "Registro"),
    "overview.sponsor": ("Sponsor", "Promotor"),
    "overview.protocol": ("Protocol", "Protocolo"),
    "overview.amended": ("amended {n} times, last {name}", "modificado {n} veces, la última {name}"),
    "overview.amended.one": ("amended once: {name}", "modificado una vez: {name}"),
    "overview.as-registered": ("as registered", "como se registró"),
    "overview.masking": ("Masking", "Enmascaramiento"),
    "overview.database": ("Database", "Base de datos"),
    "overview.locked": ("locked since", "cerrada desde"),
    "overview.unlocked": ("open", "abierta"),
    "overview.cut-off": ("Data cut-off", "Fecha de corte de datos"),
    "overview.numbers": ("Key numbers", "Cifras principales"),
    "overview.consented": ("Consented", "Con consentimiento"),
    "overview.randomized": ("Randomized", "Aleatorizados"),
    "overview.of": ("of {n} planned", "de {n} previstos"),
    "overview.completed": ("Completed", "Completaron"),
    "overview.died": ("Died", "Fallecidos"),
    "overview.open-events": ("Open adverse events", "Acontecimientos adversos abiertos"),
    "overview.serious": ("{n} serious", "{n} graves"),
    "overview.serious.one": ("{n} serious", "{n} grave"),
    "overview.deviations": ("Deviations", "Desviaciones"),
    "overview.important": ("{n} important", "{n} importantes"),
    "overview.important.one": ("{n} important", "{n} importante"),
    "overview.overdue": ("Duties overdue", "Obligaciones vencidas"),
    "overview.due": ("{n} due", "{n} pendientes"),
    "overview.due.one": ("{n} due", "{n} pendiente"),
    "overview.entries": ("Entries of the open book", "Entradas del libro abierto"),
    "overview.recent": ("Newest entries of the open book", "Entradas más recientes del libro abierto"),
    "overview.all-entries": ("All in the audit trail", "Todas en el registro de auditoría"),
    "badge.none": (
        "Not verified yet: this server has not checked the record since it started.",
        "Sin verificar todavía: este servidor no ha comprobado el registro desde que arrancó.",
    ),
    "badge.good": ("Verified to entry {seq} at", "Verificado hasta la entrada {seq} el"),
    "badge.witnessed": ("witnessed by {names} to entry {seq}", "con testigos ({names}) hasta la entrada {seq}"),
    "badge.unwitnessed": ("no witness outside this server", "sin testigos externos a este servidor"),
    "badge.bad": (
        "Verification failed. The record is not what it was, or is damaged.",
        "La verificación ha fallado. El registro no es el que era, o está dañado.",
    ),
    "badge.more": ("How to check it yourself", "Cómo comprobarlo por su cuenta"),
    "chart.count": ("{n}", "{n}"),
    "consort.title": ("Participant flow", "Flujo de participantes"),
    "consort.intro": (
        "As CONSORT 2025 draws it. Each number links to the entries that make it.",
        "Según el diagrama de CONSORT 2025. Cada cifra enlaza con las entradas que la forman.",
    ),
    "consort.picture": ("Flow of participants through the trial", "Flujo de los participantes en el ensayo"),
    "consort.description": (
        "Boxes from top to bottom: assessed, excluded with the reasons, randomized, and what became of each group. "
        "The same numbers stand in the list and in the table below.",
        "Recuadros de arriba abajo: evaluados, excluidos con los motivos, aleatorizados y la evolución de cada grupo. "
        "Las mismas cifras figuran en la lista y en la tabla siguientes.",
    ),
    "consort.line": ("{label} (n = {n})", "{label} (n = {n})"),
    "consort.analysed": ("Analysed: {what}", "Analizados: {what}"),
    "consort.list": ("The flow as a list", "El flujo en forma de lista"),
    "consort.table": (
        "Stages of the flow, with the entries behind each number",
        "Etapas del flujo, con las entradas de cada cifra",
    ),
    "enrolment.title": ("Enrolment against target", "Inclusión frente al objetivo"),
    "enrolment.intro": (
        "{n} subjects randomized of {target} planned.",
        "{n} sujetos aleatorizados de {target} previstos.",
    ),
    "enrolment.intro.one": (
        "One subject randomized of {target} planned.",
        "Un sujeto aleatorizado de {target} previstos.",
    ),
    "enrolment.no-target": (
        "{n} subjects randomized; the protocol has no target.",
        "{n} sujetos aleatorizados; el protocolo no fija objetivo.",
    ),
    "enrolment.cap": ("No more than {n} may be randomized.", "No pueden aleatorizarse más de {n}."),
    "enrolment.picture": (
        "Subjects randomized, by month and so far, against the target",
        "Sujetos aleatorizados, por mes y acumulados, frente al objetivo",
    ),
    "enrolment.description": (
        "Bars are those randomized in the month, the line those randomized so far, the dashes the target. "
        "The table below has the same numbers.",
        "Las barras son los aleatorizados en el mes, la línea los acumulados y la línea discontinua el objetivo. "
        "La tabla siguiente tiene las mismas cifras.",
    ),
    "enrolment.axis": ("Month of randomization", "Mes de aleatorización"),
    "enrolment.target": ("target {n}", "objetivo {n}"),
    "enrolment.months": ("Randomized by month", "Aleatorizados por mes"),
    "enrolment.stages": ("Subjects who reached each stage", "Sujetos que alcanzaron cada etapa"),
    "enrolment.reasons": (
        "Criteria that screen failures did not meet",
        "Criterios que no cumplieron los fallos de selección",
    ),
    "enrolment.criterion": ("Criterion", "Criterio"),
    "enrolment.stage": ("By stage and site", "Por etapa y centro"),
}
