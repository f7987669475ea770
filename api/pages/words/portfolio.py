"""The words of the portfolio."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "portfolio.title": ("Portfolio", "Cartera de ensayos"),
    "portfolio.link": ("All of them at a glance, with their totals", "Todos de un vistazo, con sus totales"),
    "portfolio.intro": (
        "{n} trials, each as your role in it may see it.",
        "{n} ensayos, cada uno tal como puede verlo su papel en él.",
    ),
    "portfolio.intro.one": (
        "{n} trial, as your role in it may see it.",
        "{n} ensayo, tal como puede verlo su papel en él.",
    ),
    "portfolio.incomplete": (
        "The totals are not of all your trials. These could not be read now:",
        "Los totales no son de todos sus ensayos. Estos no se han podido leer ahora:",
    ),
    "portfolio.unlisted": (
        "Of {n} databases it is not known yet which trials they have.",
        "De {n} bases de datos aún no se sabe qué ensayos tienen.",
    ),
    "portfolio.unlisted.one": (
        "Of {n} database it is not known yet which trials it has.",
        "De {n} base de datos aún no se sabe qué ensayos tiene.",
    ),
    "portfolio.totals": ("Totals", "Totales"),
    "portfolio.table": ("The trials", "Los ensayos"),
    "portfolio.moments": (
        "Each trial stands at a position of its own, and totals are of rows of different moments. What is read from a "
        "replica says how many entries that is behind the record.",
        "Cada ensayo está en una posición propia, y los totales son de filas de momentos distintos. Lo que se lee de "
        "una réplica dice cuántas entradas está por detrás del registro.",
    ),
    "portfolio.trial": ("Trial", "Ensayo"),
    "portfolio.role": ("Your role", "Su papel"),
    "portfolio.planned": ("Planned", "Previstos"),
    "portfolio.consented": ("Consented", "Con consentimiento"),
    "portfolio.randomized": ("Randomized", "Aleatorizados"),
    "portfolio.completed": ("Completed", "Completaron"),
    "portfolio.died": ("Died", "Fallecidos"),
    "portfolio.sites": ("Active sites", "Centros activos"),
    "portfolio.serious": ("Serious adverse events", "Acontecimientos adversos graves"),
    "portfolio.open_serious": ("Of them open", "De ellos abiertos"),
    "portfolio.deviations": ("Deviations", "Desviaciones"),
    "portfolio.overdue": ("Duties overdue", "Obligaciones vencidas"),
    "portfolio.entry": ("At entry", "En la entrada"),
    "portfolio.behind": ("Entries behind", "Entradas por detrás"),
}
