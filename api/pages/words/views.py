"""The words of the pages of subjects, of safety and of conduct."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "subjects.title": ("Subjects", "Sujetos"),
    "subjects.intro": ("{n} of {all} subjects.", "{n} de {all} sujetos."),
    "subjects.table": ("Status of each subject", "Estado de cada sujeto"),
    "subject.title": ("Subject {id}", "Sujeto {id}"),
    "subject.facts": ("Where the subject stands", "Situación del sujeto"),
    "subject.timeline": ("Timeline", "Cronología"),
    "subject.order": (
        "In the order in which it was recorded. What was corrected or voided stays in the record.",
        "En el orden en que se registró. Lo corregido o anulado permanece en el registro.",
    ),
    "subject.recorded": ("recorded", "registrado"),
    "subject.late": ("recorded late", "registrado con retraso"),
    "subject.voided": ("Voided by", "Anulado por"),
    "subject.about": ("About", "Sobre"),
    "subject.why": ("Reason", "Motivo"),
    "subject.before": ("Before", "Antes"),
    "subject.after": ("Recorded", "Registrado"),
    "subject.changed": ("After", "Después"),
    "subject.by": ("by {who}, {role}, {org}", "por {who}, {role}, {org}"),
    "subject.import": ("from a source, as it claims", "de una fuente, según esta afirma"),
    "subject.unblinded": ("entered by somebody who had been unblinded", "introducido por alguien ya desenmascarado"),
    "subject.audit": ("The same in the audit trail", "Lo mismo en el registro de auditoría"),
    "subject.all": ("All subjects", "Todos los sujetos"),
    "survival.title": ("Survival", "Supervivencia"),
    "survival.intro": (
        "Kaplan-Meier estimate from the day of randomization, over {days} days. Bands are 95 % confidence limits "
        "(log-log); a tick is somebody who was censored.",
        "Estimación de Kaplan-Meier desde el día de la aleatorización, durante {days} días. Las bandas son límites de "
        "confianza del 95 % (log-log); cada marca es un sujeto censurado.",
    ),
    "survival.picture": ("Survival from randomization", "Supervivencia desde la aleatorización"),
    "survival.description": (
        "Step lines from 100 % on day 0 to day {days}. The tables below have the same numbers.",
        "Líneas escalonadas desde el 100 % el día 0 hasta el día {days}. Las tablas siguientes tienen "
        "las mismas cifras.",
    ),
    "survival.axis": ("Days from randomization", "Días desde la aleatorización"),
    "survival.risk": ("Number at risk", "Número en riesgo"),
    "survival.risk-caption": (
        "How many were followed for as many days or more",
        "Cuántos fueron seguidos durante ese número de días o más",
    ),
    "survival.day": ("Day {day}", "Día {day}"),
    "survival.outcome": ("At day {days}", "El día {days}"),
    "survival.points": ("Days on which somebody died or was censored", "Días en que alguien falleció o fue censurado"),
    "survival.log-rank": (
        "Log-rank test: chi-square {chi}, {n} degrees of freedom, p {p}.",
        "Prueba de log-rank: ji cuadrado {chi}, {n} grados de libertad, p {p}.",
    ),
    "survival.log-rank.one": (
        "Log-rank test: chi-square {chi}, {n} degree of freedom, p {p}.",
        "Prueba de log-rank: ji cuadrado {chi}, {n} grado de libertad, p {p}.",
    ),
    "term.KAPLAN-MEIER": ("Kaplan-Meier", "Kaplan-Meier"),
    "term.NEWCOMBE": ("Newcombe", "Newcombe"),
    "survival.no-log-rank": (
        "Log-rank test: there is nothing to compare.",
        "Prueba de log-rank: no hay nada que comparar.",
    ),
    "survival.differences": (
        "Difference in the risk of dying by day {days}",
        "Diferencia en el riesgo de fallecer hasta el día {days}",
    ),
    "survival.less": ("{group} less {reference}", "{group} menos {reference}"),
    "survival.comparison": ("Comparison", "Comparación"),
    "survival.method": ("Method", "Método"),
    "survival.difference": ("Difference", "Diferencia"),
    "survival.left-out": (
        "{n} subjects left out: without a usable day of randomization.",
        "{n} sujetos excluidos: sin un día de aleatorización utilizable.",
    ),
    "survival.left-out.one": (
        "One subject left out: without a usable day of randomization.",
        "Un sujeto excluido: sin un día de aleatorización utilizable.",
    ),
    "survival.no-day": ("{n} deaths without a known day.", "{n} fallecimientos sin día conocido."),
    "survival.no-day.one": ("One death without a known day.", "Un fallecimiento sin día conocido."),
    "survival.no-record": (
        "{n} deaths without a record of their own: {subjects}.",
        "{n} fallecimientos sin registro propio: {subjects}.",
    ),
    "survival.no-record.one": (
        "One death without a record of its own: {subjects}.",
        "Un fallecimiento sin registro propio: {subjects}.",
    ),
    "ae.title": ("Adverse events by class and term", "Acontecimientos adversos por clase y término"),
    "ae.masked": (
        "Events with onset on or after randomization.",
        "Acontecimientos con inicio en la aleatorización o después.",
    ),
    "ae.unmasked": (
        "Treatment-emergent events: onset on or after the first administration of the product, or, in an arm in which "
        "nothing is given, on or after randomization.",
        "Acontecimientos emergentes: inicio en la primera administración del producto o después o, en un grupo sin "
        "producto, en la aleatorización o después.",
    ),
    "ae.table": ("Subjects with the event, and events", "Sujetos con el acontecimiento, y acontecimientos"),
    "ae.any": ("Any event", "Cualquier acontecimiento"),
    "ae.subjects": ("{group}: subjects (n = {n})", "{group}: sujetos (n = {n})"),
    "ae.events": ("{group}: events", "{group}: acontecimientos"),
    "ae.class-term": ("Class and term", "Clase y término"),
    "ae.by": ("By {what}", "Por {what}"),
    "ae.seriousness": ("seriousness", "gravedad"),
    "ae.criteria": ("criterion of seriousness", "criterio de gravedad"),
    "ae.severity": ("severity", "intensidad"),
    "ae.causality": ("causality as reported", "causalidad notificada"),
    "ae.rates": ("Rates over {days} days from randomization", "Tasas durante {days} días desde la aleatorización"),
    "ae.not-counted": (
        "Not counted: {before} before the clock starts, {no_onset} without onset, {not_randomized} of subjects not "
        "randomized, {not_treated} of subjects not treated.",
        "Sin contar: {before} antes del inicio del periodo, {no_onset} sin fecha de inicio, {not_randomized} de "
        "sujetos no aleatorizados, {not_treated} de sujetos no tratados.",
    ),
    "ae.not-counted-masked": (
        "Not counted: {before} before randomization, {no_onset} without onset, {not_randomized} of subjects not "
        "randomized, {not_treated} of subjects whose day of randomization is not known.",
        "Sin contar: {before} antes de la aleatorización, {no_onset} sin fecha de inicio, {not_randomized} de sujetos "
        "no aleatorizados, {not_treated} de sujetos sin día de aleatorización conocido.",
    ),
    "ae.after-unblinding": (
        "{n} events have something that was entered after unblinding.",
        "{n} acontecimientos tienen algo introducido tras el desenmascaramiento.",
    ),
    "ae.after-unblinding.one": (
        "One event has something that was entered after unblinding.",
        "Un acontecimiento tiene algo introducido tras el desenmascaramiento.",
    ),
    "ae.open": ("Open events", "Acontecimientos abiertos"),
    "sae.title": ("Serious adverse events", "Acontecimientos adversos graves"),
    "sae.intro": (
        "{n} of {all} serious events; {open} of these are open.",
        "{n} de {all} acontecimientos graves; de ellos, {open} abiertos.",
    ),
    "sae.table": ("Serious events, open ones first", "Acontecimientos graves, primero los abiertos"),
    "sae.ended": ("Ended", "Fin"),
    "sae.with": ("With an event", "Con algún acontecimiento"),
    "sae.open": ("Open", "Abierto"),
    "sae.criteria": (
        "By criterion of seriousness, among events counted by class",
        "Por criterio de gravedad, entre los contados por clase",
    ),
    "sites.title": ("Sites", "Centros"),
    "sites.intro": ("{n} sites.", "{n} centros."),
    "sites.intro.one": ("One site.", "Un centro."),
    "sites.table": ("The sites, and what was recorded of each", "Los centros, y lo registrado de cada uno"),
    "sites.day": ("Visits are overdue as of {day}.", "Visitas vencidas a fecha de {day}."),
    "sites.activated": ("Activated", "Activado"),
    "deviations.title": ("Protocol deviations", "Desviaciones del protocolo"),
    "deviations.intro": ("{n} of {all} deviations.", "{n} de {all} desviaciones."),
    "deviations.table": (
        "Deviations in the order in which they were recorded",
        "Desviaciones en el orden en que se registraron",
    ),
    "deviations.summary": ("By category", "Por categoría"),
    "unblinding.title": ("Unblinding and access", "Desenmascaramiento y accesos"),
    "unblinding.intro": (
        "Who has come to know an arm, and how; who is still masked; who looked at what.",
        "Quién ha llegado a conocer un grupo, y cómo; quién sigue enmascarado; quién consultó qué.",
    ),
    "unblinding.acts": ("Who knows an arm", "Quién conoce un grupo"),
    "unblinding.masked": ("Who is masked", "Quién está enmascarado"),
    "unblinding.access": ("Access to names and arms", "Accesos a nombres y grupos"),
    "unblinding.open-access": ("Access to names", "Accesos a nombres"),
    "unblinding.no-access": (
        "Looks, exports and refusals are shown to those who oversee the trial.",
        "Las consultas, exportaciones y denegaciones se muestran a quienes supervisan el ensayo.",
    ),
    "duties.title": ("Duties and clocks", "Obligaciones y plazos"),
    "duties.intro": ("Reckoned on {day}, under the law of: {law}.", "Calculado el {day}, según el derecho de: {law}."),
    "duties.no-law": (
        "Countries of which the table has no law: {countries}.",
        "Países cuyo derecho no figura en la tabla: {countries}.",
    ),
    "duties.table": ("Duties by the day on which they are due", "Obligaciones por el día en que vencen"),
    "duties.raised": ("Raised by", "Originada por"),
    "duties.promptly": ("promptly", "sin demora"),
    "duties.count": (
        "{overdue} overdue, {due} due, {done} done.",
        "{overdue} vencidas, {due} pendientes, {done} hechas.",
    ),
}
