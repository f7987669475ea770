"""What holds for all tests.

1. How many examples the laws are tried with where they do not say it: some of each for every change, more in a soak.
2. Signals mean what they mean, also where the tests were started by something that ignores them (`nohup`, `&` in a
   script): what is ignored is ignored by every program that they start.
3. Ledgers are made in files, or all of them in PostgreSQL (`tests/stored.py`).
"""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.stored import IN_POSTGRES, everything_in_postgres
from tests.thorough import THOROUGH

settings.register_profile("suite", settings.get_profile("ci"), max_examples=200 if THOROUGH else 40)

for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(scope="session", autouse=True)
def _where_ledgers_are() -> Iterator[None]:
    if not IN_POSTGRES:
        yield
        return
    with everything_in_postgres():
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about the file has nothing to look at in a database."""
    if IN_POSTGRES:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("in_a_file")])
        items[:] = [item for item in items if not item.get_closest_marker("in_a_file")]
