"""A token for tests: SoftHSM 2, in a folder of its own. Where it is not installed, what needs it is skipped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.keys.token import PIN, TokenPlace

TOKEN: Final = "trial"
USER_PIN: Final = "314159"
_MODULES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


def module() -> Path | None:
    """Where SoftHSM's library lies; None where it, its tool or the extra `pkcs11` is missing."""
    try:
        import pkcs11  # noqa: F401
    except ImportError:
        return None
    if shutil.which("softhsm2-util") is None:
        return None
    return next((Path(name) for name in _MODULES if Path(name).exists()), None)


@contextmanager
def token(folder: Path) -> Iterator[TokenPlace]:
    """A new token. The library reads its settings once in a process, so there is one of these in a test run."""
    found = module()
    assert found is not None
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "27182818", "--pin", USER_PIN],
        check=True,
        capture_output=True,
    )
    os.environ[PIN] = USER_PIN
    try:
        yield TokenPlace(found, TOKEN)
    finally:
        del os.environ["SOFTHSM2_CONF"], os.environ[PIN]
