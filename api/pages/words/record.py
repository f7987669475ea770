"""The words of the pages of the record: trail, entries, verification, code-break, known as at."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "menu.as-of": ("Known as at", "Como se sabía en"),
    "audit.title": ("Audit trail", "Registro de auditoría"),
    "audit.intro": (
        "Every entry of the record, as it was written: corrections are entries of their own, with the old value, the "
        "new one and the reason.",
        "Cada entrada del registro, tal como se escribió: las correcciones son entradas propias, con el valor "
        "anterior, el nuevo y el motivo.",
    ),
    "audit.search": ("Search the audit trail", "Buscar en el registro de auditoría"),
    "audit.look": ("Search", "Buscar"),
    "audit.one-more": ("Add another", "Añadir otro"),
    "audit.ask.text": ("Text", "Texto"),
    "audit.ask.type": ("Type of event", "Tipo de evento"),
    "audit.ask.subject": ("Subject", "Sujeto"),
    "audit.ask.site": ("Site", "Centro"),
    "audit.ask.actor": ("Who", "Quién"),
    "audit.ask.field": ("Field", "Campo"),
    "audit.ask.from": ("Recorded from", "Registrado desde"),
    "audit.ask.to": ("Recorded up to", "Registrado hasta"),
    "audit.ask.sort": ("Order", "Orden"),
    "audit.sort.position": ("Oldest first", "Primero lo más antiguo"),
    "audit.sort.-position": ("Newest first", "Primero lo más reciente"),
    "audit.when": (
        "From and up to: a day (2020-05-06), or a time with its offset (2020-05-06T12:00Z).",
        "Desde y hasta: un día (2020-05-06) o una hora con su desfase (2020-05-06T12:00Z).",
    ),
    "audit.count": ("{n} entries are shown.", "Se muestran {n} entradas."),
    "audit.count.one": ("{n} entry is shown.", "Se muestra {n} entrada."),
    "audit.same": ("Exactly these", "Exactamente estas"),
    "audit.table": ("Entries, each with what it says and what it changed", "Entradas, con su contenido y sus cambios"),
    "audit.said": ("What it says", "Qué dice"),
    "audit.why": ("Reason", "Motivo"),
    "audit.late": ("late", "tardía"),
    "audit.after-unblinding": ("entered after unblinding", "introducida tras desenmascarar"),
    "audit.about": ("About", "Sobre"),
    "audit.voided": ("Voided by", "Anulada por"),
    "audit.old": ("Old:", "Anterior:"),
    "audit.new": ("New:", "Nuevo:"),
    "audit.content": ("Content", "Contenido"),
    "audit.none": ("No entry is as asked.", "Ninguna entrada cumple lo pedido."),
    "audit.none-yet": (
        "No entry so far is as asked; more are left to look at.",
        "Ninguna entrada hasta aquí cumple lo pedido; quedan más por mirar.",
    ),
    "audit.pages": ("Pages of the trail", "Páginas del registro"),
    "audit.first": ("To the first page", "A la primera página"),
    "audit.next": ("Next page", "Página siguiente"),
    "entry.around": ("Around this entry", "Alrededor de esta entrada"),
    "entry.previous": ("Previous: {seq}", "Anterior: {seq}"),
    "entry.next": ("Next: {seq}", "Siguiente: {seq}"),
    "entry.what": ("What it says", "Qué dice"),
    "entry.type": ("Type", "Tipo"),
    "entry.provenance": ("Where it comes from", "Procedencia"),
    "entry.stored": ("As it is stored", "Tal como está guardada"),
    "entry.stored-intro": (
        "These bytes are what was hashed. The contents lie beside them, in the parts below; here stands what each was "
        "committed to.",
        "Estos bytes son los que se resumieron. El contenido está al lado, en las partes de abajo; aquí está el "
        "compromiso de cada una.",
    ),
    "entry.leaf": ("Hash of this entry (leaf of the tree)", "Resumen de esta entrada (hoja del árbol)"),
    "entry.prev": ("Hash of the entry before", "Resumen de la entrada anterior"),
    "entry.parts": ("Its parts", "Sus partes"),
    "entry.parts-intro": (
        "Each part is bound to the entry by a commitment. Parts that are not for everybody are named, and not opened.",
        "Cada parte está unida a la entrada por un compromiso. Las que no son para todos se nombran y no se abren.",
    ),
    "entry.class.plain": ("Plain part", "Parte abierta"),
    "entry.class.identity": ("Names of persons", "Nombres de personas"),
    "entry.class.anchor": ("Anchor of the sealed book", "Ancla del libro sellado"),
    "entry.class.arm": ("What depends on an arm", "Lo que depende de un grupo"),
    "entry.class.header": ("Type, stream and actor", "Tipo, secuencia y autor"),
    "entry.commit": ("Commitment", "Compromiso"),
    "entry.salt": ("Salt", "Sal"),
    "entry.withheld": ("Encrypted, and not opened here.", "Cifrada, y no se abre aquí."),
    "entry.proof": ("Proof that it is in the record", "Prueba de que está en el registro"),
    "entry.proof-intro": (
        "With this proof anybody can compute that the entry is in the tree of the checkpoint at its end, without this "
        "server.",
        "Con esta prueba cualquiera puede calcular, sin este servidor, que la entrada está en el árbol del punto de "
        "control del final.",
    ),
    "entry.check": ("Check it in this browser", "Comprobarla en este navegador"),
    "entry.by-hand": ("With the offline verifier", "Con el verificador sin conexión"),
    "entry.by-hand-intro": (
        "Save both files, take the verifier and a policy with the log's keys from somewhere else, and run:",
        "Guarde los dos archivos, obtenga el verificador y una política con las claves del registro por otra vía, y "
        "ejecute:",
    ),
    "entry.bytes": ("the bytes of the entry", "los bytes de la entrada"),
    "entry.proof-file": ("the proof", "la prueba"),
    "entry.no-proof-sealed": (
        "Only the open book is signed. The sealed one is tied to it by anchors, which the verification follows.",
        "Solo se firma el libro abierto. El sellado está unido a él por anclas, que la verificación sigue.",
    ),
    "entry.proof.uncovered": (
        "No checkpoint covers this entry yet. The next one will.",
        "Ningún punto de control cubre aún esta entrada. El próximo lo hará.",
    ),
    "entry.proof.altered": (
        "The record is not the one that was signed: no proof can be made. Start a verification.",
        "El registro no es el que se firmó: no se puede hacer ninguna prueba. Inicie una verificación.",
    ),
    "verification.title": ("Verification", "Verificación"),
    "verification.newest": ("What the server found last", "Lo último que halló el servidor"),
    "verification.ok": ("The whole record holds.", "Todo el registro es íntegro."),
    "verification.not-ok": ("The record does not hold.", "El registro no es íntegro."),
    "verification.none": (
        "The server has verified nothing yet since it started.",
        "El servidor aún no ha verificado nada desde que arrancó.",
    ),
    "verification.up-to": ("Up to", "Hasta"),
    "verification.at": ("Begun", "Iniciada"),
    "verification.level": ("Level of assurance", "Nivel de garantía"),
    "verification.external": ("Vouched for from outside", "Avalado desde fuera"),
    "verification.external-to": ("up to entry {seq}", "hasta la entrada {seq}"),
    "verification.external-none": (
        "nothing: whoever has the file and its keys could have written all of it anew",
        "nada: quien tenga el archivo y sus claves podría haberlo reescrito todo",
    ),
    "verification.witnesses": ("Witnesses and authorities", "Testigos y autoridades"),
    "verification.root": ("Root of the tree", "Raíz del árbol"),
    "verification.head": ("Head of the chain", "Cabeza de la cadena"),
    "verification.findings": ("Findings", "Hallazgos"),
    "verification.failed": ("The last run gave no verdict:", "La última ejecución no dio veredicto:"),
    "verification.begin": ("Verify the whole record now", "Verificar ahora todo el registro"),
    "verification.begin-hint": (
        "It runs beside the server, and delays nobody. What the server says of itself is no proof: the check below is.",
        "Se ejecuta junto al servidor y no retrasa a nadie. Lo que el servidor dice de sí mismo no prueba nada: la "
        "comprobación de abajo, sí.",
    ),
    "verification.begun": (
        "A verification was asked for. Its result appears here.",
        "Se ha pedido una verificación. Su resultado aparecerá aquí.",
    ),
    "verification.again": ("Look again", "Volver a mirar"),
    "verification.checkpoint": ("The newest checkpoint", "El punto de control más reciente"),
    "verification.checkpoint-intro": (
        "The ledger has signed the first {n} entries: this text fixes every byte of them.",
        "El libro ha firmado las primeras {n} entradas: este texto fija cada uno de sus bytes.",
    ),
    "verification.checkpoint-text": ("The text of the checkpoint", "El texto del punto de control"),
    "verification.no-checkpoint": ("Nothing is signed yet.", "Aún no se ha firmado nada."),
    "verification.download": ("the checkpoint as a file", "el punto de control como archivo"),
    "verification.keys": ("the keys that this server names", "las claves que nombra este servidor"),
    "verification.signatures": ("Who has signed it", "Quién lo ha firmado"),
    "verification.own": ("the ledger itself", "el propio libro"),
    "verification.cosigner": ("a witness", "un testigo"),
    "verification.on-paper": (
        "Keep it: printed, in your own files, with a witness. Held against a later one, it shows whether anything was "
        "rewritten.",
        "Guárdelo: impreso, en sus archivos, con un testigo. Comparado con uno posterior, muestra si se reescribió "
        "algo.",
    ),
    "check.title": ("Check an entry in this browser", "Comprobar una entrada en este navegador"),
    "check.intro": (
        "Your browser computes by itself whether an entry is in the record that was signed: it asks nobody. You can "
        "put what you have from elsewhere into the fields: a checkpoint from paper or from a witness, keys from a "
        "letter.",
        "Su navegador calcula por sí mismo si una entrada está en el registro firmado, sin preguntar a nadie. Puede "
        "poner en los campos lo que tenga de otra fuente: un punto de control en papel o de un testigo, claves de una "
        "carta.",
    ),
    "check.which": ("Which entry to check", "Qué entrada comprobar"),
    "check.entry": ("Entry number", "Número de entrada"),
    "check.fill": ("Fill in the fields", "Rellenar los campos"),
    "check.no-number": ("It must be the number of an entry.", "Debe ser el número de una entrada."),
    "check.no-entry": ("There is no such entry.", "No existe esa entrada."),
    "check.bytes": ("The entry, byte for byte", "La entrada, byte a byte"),
    "check.proof": ("The proof (tlog-proof)", "La prueba (tlog-proof)"),
    "check.checkpoint": ("A checkpoint that you have from elsewhere", "Un punto de control que tenga de otra fuente"),
    "check.checkpoint-hint": (
        "May be left empty: then the entry is held against the checkpoint in the proof, which this server sent.",
        "Puede quedar vacío: entonces se compara con el punto de control de la prueba, que envió este servidor.",
    ),
    "check.keys": ("Keys, one a line", "Claves, una por línea"),
    "check.keys-hint": (
        "Filled in with those that this server names. Put in those that you were given by another way.",
        "Rellenado con las que nombra este servidor. Ponga las que haya recibido por otra vía.",
    ),
    "check.now": ("Check", "Comprobar"),
    "check.holds": (
        "It holds: the entry is number {index} of the first {size} entries of {name}.",
        "Se cumple: la entrada es la número {index} de las primeras {size} de {name}.",
    ),
    "check.fails": (
        "It does not hold: the entry and its proof lead to another root than that of the checkpoint.",
        "No se cumple: la entrada y su prueba llevan a otra raíz que la del punto de control.",
    ),
    "check.other-same": (
        "The checkpoint from elsewhere says the same.",
        "El punto de control de la otra fuente dice lo mismo.",
    ),
    "check.other-root": (
        "The checkpoint from elsewhere has another root for the same size: somebody was shown another history.",
        "El punto de control de la otra fuente tiene otra raíz para el mismo tamaño: a alguien se le mostró otra "
        "historia.",
    ),
    "check.other-size": (
        "The checkpoint from elsewhere is of {other} entries, this proof of {size}: they cannot be compared so. The "
        "offline verifier can, with a bundle.",
        "El punto de control de la otra fuente es de {other} entradas y esta prueba de {size}: así no se pueden "
        "comparar. El verificador sin conexión puede, con un paquete.",
    ),
    "check.other-origin": (
        "The checkpoint from elsewhere is of another log: {name}.",
        "El punto de control de la otra fuente es de otro registro: {name}.",
    ),
    "check.signed": ("Signed by {name}: the signature holds.", "Firmado por {name}: la firma es válida."),
    "check.cosigned": (
        "Cosigned by {name} at {time}: the signature holds.",
        "Cofirmado por {name} a las {time}: la firma es válida.",
    ),
    "check.forged": (
        "A line claims to be by {name}, and its signature does not hold.",
        "Una línea dice ser de {name} y su firma no es válida.",
    ),
    "check.cannot": (
        "A signature by {name} was not checked: this browser does not know {why}. The offline verifier does.",
        "Una firma de {name} no se comprobó: este navegador no conoce {why}. El verificador sin conexión sí.",
    ),
    "check.not-signed": ("{name} has not signed it.", "{name} no lo ha firmado."),
    "check.unsigned": (
        "No signature was shown to hold: whoever made the checkpoint, this only says that the entry is in it.",
        "No se ha mostrado válida ninguna firma: sea quien sea el autor del punto de control, esto solo dice que la "
        "entrada está en él.",
    ),
    "check.no-crypto": (
        "This browser computes no hashes here: that needs https, or this machine's own address.",
        "Este navegador no calcula resúmenes aquí: hace falta https, o la dirección de esta misma máquina.",
    ),
    "check.malformed": ("It cannot be read, so nothing is shown:", "No se puede leer, así que nada queda demostrado:"),
    "check.in": ("How it was computed", "Cómo se ha calculado"),
    "check.leaf": ("SHA-256 of a zero byte and the entry:", "SHA-256 de un byte cero y la entrada:"),
    "check.left": ("with, to its left,", "con, a su izquierda,"),
    "check.right": ("with, to its right,", "con, a su derecha,"),
    "check.root": ("The root in the checkpoint:", "La raíz en el punto de control:"),
    "check.by-hand": ("Without scripts, or without this server", "Sin scripts, o sin este servidor"),
    "check.by-hand-intro": (
        "The page of each entry has its bytes and its proof as files. The offline verifier checks them, and whole "
        "bundles, on any machine with Python; take it, and the keys, from somewhere else than this server.",
        "La página de cada entrada tiene sus bytes y su prueba como archivos. El verificador sin conexión los "
        "comprueba, y también paquetes enteros, en cualquier máquina con Python; obténgalo, y las claves, de otra "
        "fuente que este servidor.",
    ),
    "code-break.title": ("Break the code of one subject", "Romper el ciego de un sujeto"),
    "code-break.intro": (
        "For an emergency in which the treatment of the subject depends on knowing the arm. You are never refused "
        "because the trial is halted or locked.",
        "Para una urgencia en la que el tratamiento del sujeto depende de conocer su grupo. Nunca se rechaza porque el "
        "ensayo esté detenido o cerrado.",
    ),
    "code-break.first-recorded": (
        "First it is recorded that you broke the code, when and why. Then the arm is shown.",
        "Primero se registra que usted rompió el ciego, cuándo y por qué. Después se muestra el grupo.",
    ),
    "code-break.you-alone": (
        "You alone learn the arm. That the code was broken is seen by everybody in the trial.",
        "Solo usted conoce el grupo. Que se rompió el ciego lo ve todo el ensayo.",
    ),
    "code-break.no-way-back": ("It cannot be undone.", "No se puede deshacer."),
    "code-break.subject": ("Subject", "Sujeto"),
    "code-break.reason": ("Reason", "Motivo"),
    "code-break.reason-hint": (
        "What has happened, and why the arm matters for the treatment. Without names.",
        "Qué ha ocurrido y por qué importa el grupo para el tratamiento. Sin nombres.",
    ),
    "code-break.confirm": (
        "I need to know this arm now, to treat this subject.",
        "Necesito conocer ahora este grupo para tratar a este sujeto.",
    ),
    "code-break.do": ("Break the code and show the arm", "Romper el ciego y mostrar el grupo"),
    "code-break.envelope": (
        "If this page does not answer: the sealed envelope of the subject tells the arm without a server.",
        "Si esta página no responde: el sobre sellado del sujeto dice el grupo sin servidor.",
    ),
    "code-break.nothing-done": (
        "The arm was not shown. See what is wrong below.",
        "No se ha mostrado el grupo. Vea abajo qué falla.",
    ),
    "code-break.no-subject": ("Which subject?", "¿Qué sujeto?"),
    "code-break.no-reason": ("A reason is needed.", "Hace falta un motivo."),
    "code-break.no-confirm": ("Confirm that you need it now.", "Confirme que lo necesita ahora."),
    "code-break.no-id": (
        "The form was not whole. It is now: send it again.",
        "El formulario no estaba completo. Ahora lo está: envíelo otra vez.",
    ),
    "code-break.reused": (
        "This form was sent before with other content. If you mean another code-break, send it again.",
        "Este formulario ya se envió con otro contenido. Si desea romper otro ciego, envíelo de nuevo.",
    ),
    "code-break.not-recorded": (
        "It cannot be recorded now, so no arm is shown. Open the sealed envelope, and report it as soon as the server "
        "answers again.",
        "Ahora no se puede registrar, así que no se muestra ningún grupo. Abra el sobre sellado y notifíquelo en "
        "cuanto el servidor vuelva a responder.",
    ),
    "code-break.no-arm": (
        "The code-break is recorded, but no arm is recorded for this subject. Open the sealed envelope.",
        "La ruptura del ciego está registrada, pero no hay ningún grupo registrado para este sujeto. Abra el sobre "
        "sellado.",
    ),
    "code-break.told": ("The code is broken", "El ciego está roto"),
    "code-break.arm-of": ("Arm of {subject}:", "Grupo de {subject}:"),
    "code-break.recorded": ("On record:", "Registrado:"),
    "code-break.now": ("From now on", "A partir de ahora"),
    "code-break.tell-nobody": (
        "Others stay masked: tell the arm to nobody who does not treat this subject.",
        "Los demás siguen enmascarados: no diga el grupo a nadie que no trate a este sujeto.",
    ),
    "code-break.sealed-now": (
        "What you enter about this subject from now on is sealed, so that it tells the others nothing.",
        "Lo que introduzca desde ahora sobre este sujeto queda sellado, para que no diga nada a los demás.",
    ),
    "code-break.sponsor": (
        "The sponsor has been told that the code was broken, and not which arm it is.",
        "Al promotor se le comunica que se rompió el ciego, no qué grupo es.",
    ),
    "code-break.back": ("Back to {subject}", "Volver a {subject}"),
    "as-of.title": ("The trial as it was known", "El ensayo como se sabía"),
    "as-of.intro": (
        "What was known at a position of the record, beside what is known now. Choose an entry by the slider, or type "
        "a day, a time or the word halt at the foot of the page.",
        "Lo que se sabía en una posición del registro, junto a lo que se sabe ahora. Elija una entrada con el control, "
        "o escriba al pie de la página un día, una hora o la palabra halt.",
    ),
    "as-of.slide": ("Choose a position", "Elegir una posición"),
    "as-of.slider": ("Entry, from 0 to {last}", "Entrada, de 0 a {last}"),
    "as-of.halt": ("As known when the trial was halted last", "Como se sabía en la última detención del ensayo"),
    "as-of.no-halt": ("The trial was never halted.", "El ensayo no se ha detenido nunca."),
    "as-of.table": ("Then and now", "Entonces y ahora"),
    "as-of.only-now": ("Now: choose a position to compare with", "Ahora: elija una posición con la que comparar"),
    "as-of.then": ("Then", "Entonces"),
    "as-of.now": ("Now", "Ahora"),
    "as-of.due": ("Duties due", "Obligaciones pendientes"),
    "as-of.events": ("What happened to the trial", "Qué le ocurrió al ensayo"),
    "as-of.show-then": ("as known at entry {seq}", "como se sabía en la entrada {seq}"),
}
