"""A checkpoint that was signed inside a PKCS#11 token is accepted by golang.org/x/mod/sumdb/note too.

The token is SoftHSM's, in processes of their own: its library reads its settings once in a process.
"""

import subprocess
from pathlib import Path

from ledger.keys.token import PIN
from tests.api.cli_runs import command, environment
from tests.interop.foreign import Program, identity, missing
from tests.interop.story import Story
from tests.keys.softhsm import TOKEN, USER_PIN, module


def test_go_opens_a_checkpoint_signed_in_a_token(go: Program, npm: Program, story: Story, tmp_path: Path) -> None:
    library = module() or missing("SoftHSM (apt install softhsm2) or the extra pkcs11 is not installed")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    of_token = {"SOFTHSM2_CONF": str(settings), PIN: USER_PIN}
    made = ("--init-token", "--free", "--label", TOKEN, "--so-pin", "27182818", "--pin", USER_PIN)
    subprocess.run(["softhsm2-util", *made], env=environment(**of_token), check=True, capture_output=True)

    ledger = story.copy(tmp_path)

    def run(*arguments: object) -> str:
        done = subprocess.run(command(*arguments), env=environment(**of_token), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    run("continue", ledger, "--to-token", TOKEN, "--module", library, "--reason", "The key moves into a token")
    run("checkpoint", ledger)
    assert '"token"' in Path(f"{ledger}.keys", "log.ed25519").read_text()
    keys = run("keys", ledger).splitlines()
    assert keys[0] not in story.vkeys
    note = max(Path(f"{ledger}.evidence", "checkpoints").glob("*.checkpoint")).read_bytes()
    found = go.ask("open", vkeys=keys, note=note)
    assert (found["ok"], found["signed"]) == (True, [identity(keys[0])])
    assert npm.accepts("ml-dsa-44 verify", vkey=keys[1], note=note)
    assert not go.accepts("open", vkeys=story.vkeys, note=note), "the former keys sign nothing any more"
