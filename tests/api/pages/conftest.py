"""The trial whose pages are looked at, as in the tests of routes."""

from tests.api.server.conftest import ledger, recorded_trial

__all__ = ["ledger", "recorded_trial"]
