"""The words of the pages of signatures, and of taking a bundle away."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "menu.signatures": ("Signatures", "Firmas"),
    "view.signatures": ("Signatures", "Firmas"),
    "signatures.title": ("Electronic signatures", "Firmas electrónicas"),
    "signatures.table": ("Who signed what, and what the signature means", "Quién firmó qué, y qué significa la firma"),
    "signatures.intro": ("{n} of {all} signatures.", "{n} de {all} firmas."),
    "signatures.about": (
        "A signature names the entry by its position and its hash, and through that every entry before it: it can be "
        "neither cut off nor moved to another one.",
        "Una firma nombra la entrada por su posición y su hash y, a través de este, todas las anteriores: no se puede "
        "separar ni trasladar a otra.",
    ),
    "signatures.verified": (
        "The verification of the record holds each signature against the entry that it names.",
        "La verificación del registro coteja cada firma con la entrada que nombra.",
    ),
    "signatures.extent.ENTRY": ("One entry", "Una entrada"),
    "signatures.extent.SUBJECT": (
        "The record of the subject up to an entry",
        "El registro del sujeto hasta una entrada",
    ),
    "signatures.extent.BOOK": ("The whole book up to an entry", "Todo el libro hasta una entrada"),
    "signatures.state.CURRENT": ("Unchanged since", "Sin cambios desde entonces"),
    "signatures.state.CORRECTED": ("Corrected since", "Corregido después"),
    "signatures.state.VOIDED": ("Voided since", "Anulado después"),
    "signatures.state.ADDED": ("More was recorded since", "Se ha registrado más después"),
    "signatures.by": (
        "{who}, {role}, {org}: {meaning}. {what}.",
        "{who}, {role}, {org}: {meaning}. {what}.",
    ),
    "entry.signatures": ("Signatures that cover it", "Firmas que la abarcan"),
    "entry.unsigned": ("Nobody has signed it.", "Nadie la ha firmado."),
    "term.AUTHORSHIP": ("Authorship", "Autoría"),
    "term.REVIEW": ("Review", "Revisión"),
    "term.APPROVAL": ("Approval", "Aprobación"),
    "term.RESPONSIBILITY": ("Responsibility", "Responsabilidad"),
    "column.authenticated_at": ("Signed in for it", "Identificación para ello"),
    "column.meaning": ("Meaning", "Significado"),
    "column.method": ("How", "Cómo se identificó"),
    "column.now": ("Since then", "Desde entonces"),
    "column.printed_name": ("Printed name", "Nombre en letra impresa"),
    "column.signed": ("What was signed", "Qué se firmó"),
    "column.signed_seq": ("Up to and with", "Hasta, incluida"),
    "column.words": ("Words", "Texto"),
    "bundle.title": ("Take the evidence with you", "Llevarse la prueba"),
    "bundle.intro": (
        "A bundle is one file with all that your role may see: entries, checkpoints, signatures, keys and a page for "
        "people. It is verified offline, without this server and without its makers.",
        "Un paquete es un solo archivo con todo lo que su papel puede ver: entradas, puntos de control, firmas, claves "
        "y una página legible. Se verifica sin conexión, sin este servidor y sin quienes lo hicieron.",
    ),
    "bundle.make": ("Make a bundle for me", "Preparar un paquete para mí"),
    "bundle.recorded": (
        "That you took one is recorded. It is kept here for an hour, for you alone.",
        "Queda registrado que se lo llevó. Se guarda aquí una hora, solo para usted.",
    ),
    "bundle.mine": ("Your bundles", "Sus paquetes"),
    "bundle.waiting": ("Its turn comes.", "Espera su turno."),
    "bundle.making": ("It is being made.", "Se está preparando."),
    "bundle.failed": ("It could not be made:", "No se ha podido preparar:"),
    "bundle.sha256": ("SHA-256", "SHA-256"),
    "bundle.bytes": ("{n} bytes", "{n} bytes"),
    "bundle.by-hand": (
        "The policy is a text file with the keys that you trust, one a line, each after the word log: best from a "
        "letter, and not from this server.",
        "La política es un archivo de texto con las claves en las que confía, una por línea, cada una tras la palabra "
        "log: mejor de una carta que de este servidor.",
    ),
}
