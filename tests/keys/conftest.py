"""The token that the tests of a process share."""

from collections.abc import Iterator

import pytest

from ledger.keys.token import TokenPlace, close_sessions
from tests.keys.softhsm import module, token


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenPlace]:
    if module() is None:
        pytest.skip("SoftHSM (apt install softhsm2) or the extra pkcs11 is not installed")
    with token(tmp_path_factory.mktemp("softhsm")) as found:
        yield found
        close_sessions()
