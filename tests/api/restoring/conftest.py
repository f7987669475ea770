"""The trial whose bundles are restored is the one whose bundles are made."""

from tests.api.bundle.conftest import mine, trial

__all__ = ["mine", "trial"]
