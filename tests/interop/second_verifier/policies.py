"""Policies, as they may be written and as they may not."""

import base64
from collections.abc import Iterator

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Key
from tests.interop.second_verifier.making import LOG_SEED, TIME, Bases, Case, policy_of, witness


def policies(bases: Bases) -> Iterator[Case]:
    base = bases.masked
    log, one, two = Key(base.origin, LOG_SEED), witness(0), witness(1)
    text = bundles.checkpoint_text(base.origin, base.open.leaves())
    content = {
        name: value for name, value in base.content().items() if not name.startswith(("evidence/", "consistency/"))
    }
    lines = log.line(text) + one.line(text, TIME) + two.line(text, TIME)
    data = base.together(content | {bundles.checkpoint_name(text): (text + "\n" + lines).encode()})
    logged, a, b = f"log {log.vkey}", f"witness a {one.vkey}", f"witness b {two.vkey}"
    as_log = Key(base.origin, one.seed)
    material = base64.b64encode(log.material).decode()
    for name, policy in {
        "as usual": policy_of(logged, a, b, "group g 2 a b", "quorum g"),
        "comments, tabs and blanks": policy_of(
            "# comment",
            "",
            " \t",
            f"\t{logged.replace(' ', chr(9))}  https://log.example",
            f"  {a}\t",
            "  # x",
            "quorum  a ",
        ),
        "a comment behind": policy_of(logged, a, "quorum a # x"),
        "no quorum": policy_of(logged, a),
        "two quorums": policy_of(logged, a, "quorum a", "quorum a"),
        "quorum none twice": policy_of(logged, "quorum none", "quorum none"),
        "an unknown quorum": policy_of(logged, a, "quorum b"),
        "a quorum before its witness": policy_of(logged, "quorum a", a),
        "lines after the quorum": policy_of("quorum none", logged),
        "no log": policy_of(a, "quorum a"),
        "an unknown log": policy_of(f"log {Key(base.origin, bytes(32)).vkey}", "quorum none"),
        "a log twice": policy_of(logged, logged, "quorum none"),
        "a witness twice": policy_of(logged, a, f"witness c {one.vkey}", "quorum a"),
        "a key as log and as witness": policy_of(f"log {as_log.vkey}", logged, a, "quorum a"),
        "a log with a cosignature key": policy_of(
            logged, f"log {Key(base.origin, bytes([7] * 32), 4).vkey}", "quorum none"
        ),
        "a log with a cosignature key only": policy_of(f"log {Key(base.origin, LOG_SEED, 4).vkey}", "quorum none"),
        "a witness with a log's key": policy_of(
            logged, f"witness a {Key('w', bytes([7] * 32), 1).vkey}", "quorum none"
        ),
        "a key of an unknown type": policy_of(f"log {Key(base.origin, LOG_SEED, 9).vkey}", "quorum none"),
        "a witness named none": policy_of(logged, f"witness none {one.vkey}", "quorum none"),
        "a group named none": policy_of(logged, a, "group none any a", "quorum none"),
        "none in a group": policy_of(logged, a, "group g any none a", "quorum g"),
        "a name twice": policy_of(logged, a, f"witness a {two.vkey}", "quorum a"),
        "a group with the name of a witness": policy_of(logged, a, "group a any a", "quorum a"),
        "a member twice": policy_of(logged, a, b, "group g 1 a a", "quorum g"),
        "a member of two groups": policy_of(logged, a, b, "group g 1 a", "group h 1 a b", "quorum h"),
        "a group within": policy_of(logged, a, b, "group g all a b", "group h any g", "quorum h"),
        "a group without members": policy_of(logged, "group g any", "quorum none"),
        "0 of 1": policy_of(logged, a, "group g 0 a", "quorum g"),
        "2 of 1": policy_of(logged, a, "group g 2 a", "quorum g"),
        "a threshold with a nought": policy_of(logged, a, "group g 01 a", "quorum g"),
        "a threshold with a plus": policy_of(logged, a, "group g +1 a", "quorum g"),
        "a threshold in hex": policy_of(logged, a, "group g 0x1 a", "quorum g"),
        "a group before its members": policy_of(logged, "group g any a", a, "quorum g"),
        "another word": policy_of(logged, "logs x", "quorum none"),
        "upper case": policy_of(logged, "QUORUM none"),
        "too many words": policy_of(f"{logged} url more", "quorum none"),
        "urls": policy_of(f"{logged} https://log.example/", f"{a} https://w.example/", "quorum a"),
        "too few words": policy_of("log", "quorum none"),
        "a witness without a key": policy_of(logged, "witness a", "quorum none"),
        "carriage returns": policy_of(logged, a, "quorum a").replace("\n", "\r\n"),
        "no line feed at the end": policy_of(logged, a, "quorum a")[:-1],
        "nothing": "",
        "only quorum none": policy_of("quorum none"),
        "another key ID": policy_of(f"log {base.origin}+00000000+{material}", "quorum none"),
        "a key ID in upper case": policy_of(f"log {base.origin}+{log.id.hex().upper()}+{material}", "quorum none"),
        "a key of no base64": policy_of(f"log {base.origin}+{log.id.hex()}+!!!!", "quorum none"),
        "a key that is short": policy_of(f"log {base.origin}+{log.id.hex()}+AQ==", "quorum none"),
        "names beyond ASCII": policy_of(logged, a.replace(" a ", " é "), "quorum é"),
        "a comment beyond ASCII": policy_of("# é", logged, "quorum none"),
        "a delete character": policy_of("# \x7f", logged, "quorum none"),
        "a no-break space": policy_of(logged, f"witness\u00a0a {one.vkey}", "quorum none"),
        "a form feed": policy_of(logged, "\x0cquorum none"),
        "the log under another name": policy_of(f"log {Key('another.example', LOG_SEED).vkey}", "quorum none"),
        "a quorum of a group not used": policy_of(logged, a, b, "group g all a b", "quorum a"),
        "33 witnesses": policy_of(
            logged, a, *(f"witness x{n} {Key(f'x{n}', bytes([100 + n] * 32), 4).vkey}" for n in range(32)), "quorum a"
        ),
    }.items():
        yield Case(f"policy: {name}", data, policy)
