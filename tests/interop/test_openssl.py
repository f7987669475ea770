"""Time stamps that `trial-ledger timestamp` stored are verified by `openssl ts -verify`, and by rfc3161-client.

`RECIPE` is all that an auditor needs who has neither our code nor Python: a checkpoint and a token out of the evidence
folder, and the certificate of an authority that is trusted. What a token covers is the checkpoint as its log signed it:
its text, the blank line, and the signature lines named as its first line. Cosignatures, which come later, are left out.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.proof.evidence import as_signed, evidence_folder
from ledger.proof.note import Note
from ledger.proof.timestamp_token import in_order
from tests.api.cli_runs import here
from tests.interop.foreign import Program, missing, tool
from tests.interop.story import Story
from tests.interop.test_witness import SEED, go_witness
from tests.tsa import TestAuthority

RECIPE = """
set -e
origin=$(head -n 1 "$CHECKPOINT")
{ sed '/^$/q' "$CHECKPOINT"; sed '1,/^$/d' "$CHECKPOINT" | grep -F -- "— $origin "; } > as-signed
openssl ts -verify -in "$TOKEN" -data as-signed -CAfile "$ROOTS"
"""


@dataclass(frozen=True)
class Stamped:
    """A ledger with a checkpoint, two time stamps over it, and who made them."""

    ledger: Path
    checkpoint: Path
    tokens: list[Path]
    authorities: list[TestAuthority]


@pytest.fixture(scope="module")
def stamped(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    tool("openssl", "apt install openssl")
    folder = tmp_path_factory.mktemp("stamped")
    ledger = story.copy(folder)
    checkpoint = max((evidence_folder(ledger) / "checkpoints").glob("*.checkpoint"))
    with (
        TestAuthority(folder / "one", name="One") as one,
        TestAuthority(folder / "two", name="Two", intermediate=True) as two,
    ):
        asked = ("--tsa", one.url, "--tsa", two.url, "--authorities", one.roots_pem, "--authorities", two.roots_pem)
        done = here("timestamp", ledger, *asked, "--json")
        assert done.code == 0, done.err
        tokens = [Path(each["file"]) for each in done.json["time_stamps"]]
        assert len(tokens) == 2
        yield Stamped(ledger, checkpoint, tokens, [one, two])


def recipe(folder: Path, checkpoint: Path, token: Path, roots: Path) -> bool:
    """The verdict of the shell."""
    names = {"CHECKPOINT": str(checkpoint), "TOKEN": str(token), "ROOTS": str(roots), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", RECIPE], cwd=folder, env=names, capture_output=True, text=True, timeout=60, check=False
    )
    good = done.returncode == 0
    assert good == ("Verification: OK" in done.stdout), done
    return good


def test_openssl_verifies_every_stored_time_stamp(stamped: Stamped, tmp_path: Path) -> None:
    for token, authority in zip(stamped.tokens, stamped.authorities, strict=True):
        assert recipe(tmp_path, stamped.checkpoint, token, authority.roots_pem)
        assert (tmp_path / "as-signed").read_bytes() == as_signed(Note.parse(stamped.checkpoint.read_bytes()))


def test_openssl_refuses_a_time_stamp_of_an_authority_that_is_not_trusted(stamped: Stamped, tmp_path: Path) -> None:
    one, two = stamped.authorities
    assert not recipe(tmp_path, stamped.checkpoint, stamped.tokens[0], two.roots_pem)
    assert not recipe(tmp_path, stamped.checkpoint, stamped.tokens[1], one.roots_pem)


def test_openssl_refuses_a_time_stamp_for_another_checkpoint(stamped: Stamped, tmp_path: Path) -> None:
    earlier = min(stamped.checkpoint.parent.glob("*.checkpoint"))
    assert earlier != stamped.checkpoint
    assert not recipe(tmp_path, earlier, stamped.tokens[0], stamped.authorities[0].roots_pem)


def test_openssl_refuses_a_token_or_a_checkpoint_that_was_altered(stamped: Stamped, tmp_path: Path) -> None:
    token, checkpoint = stamped.tokens[0].read_bytes(), stamped.checkpoint.read_bytes()
    roots = stamped.authorities[0].roots_pem
    stamp, note = tmp_path / "token", tmp_path / "note"
    note.write_bytes(checkpoint)
    for place in (len(token) - 5, len(token) // 2):  # the signature; a certificate
        stamp.write_bytes(token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :])
        assert not recipe(tmp_path, note, stamp, roots)
    stamp.write_bytes(token)
    assert recipe(tmp_path, note, stamp, roots)
    for place in (5, checkpoint.index(b"\n\n") - 4, len(checkpoint) - 20):  # the origin, the root, a signature
        note.write_bytes(checkpoint[:place] + bytes([checkpoint[place] ^ 1]) + checkpoint[place + 1 :])
        assert not recipe(tmp_path, note, stamp, roots)


def test_a_cosignature_that_comes_later_leaves_the_time_stamp_valid(
    go: Program, story: Story, stamped: Stamped, tmp_path: Path
) -> None:
    vkey = go.ask("witness key", origin="witness.invalid/go", seed=SEED)["vkeys"][0]
    before = stamped.checkpoint.read_bytes()
    with go_witness(go, story.vkeys) as (url, _):
        policy = tmp_path / "policy"
        policy.write_text(f"log {story.vkeys[0]}\nwitness go {vkey} {url}\nquorum go\n")
        done = here("witness", "add", stamped.ledger, "--policy", policy, "--checkpoint", stamped.checkpoint)
        assert done.code == 0, done.err
    assert stamped.checkpoint.read_bytes() != before
    assert recipe(tmp_path, stamped.checkpoint, stamped.tokens[0], stamped.authorities[0].roots_pem)


def test_rfc3161_client_verifies_every_stored_time_stamp(stamped: Stamped) -> None:
    try:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError:
        missing("rfc3161-client is not installed (pip install rfc3161-client)")
    message = as_signed(Note.parse(stamped.checkpoint.read_bytes()))
    for token, authority in zip(stamped.tokens, stamped.authorities, strict=True):
        # It reads strict DER only, while OpenSSL, as an authority, writes several certificates in any order. The
        # signature does not cover that order, and the token is stored as it came.
        response = decode_timestamp_response(in_order(token.read_bytes()) if authority.chain else token.read_bytes())
        builder = VerifierBuilder().add_root_certificate(authority.root)
        for certificate in authority.chain:
            builder = builder.add_intermediate_certificate(certificate)
        verifier = builder.build()
        assert verifier.verify_message(response, message)
        with pytest.raises(VerificationError):
            verifier.verify_message(response, message + b"\n")
    stranger = VerifierBuilder().add_root_certificate(stamped.authorities[0].root).build()
    with pytest.raises(VerificationError):
        stranger.verify_message(decode_timestamp_response(in_order(stamped.tokens[1].read_bytes())), message)
