"""How long the batteries are: what every change has to pass, or (TRIAL_LEDGER_THOROUGH=1, `make soak`) everything."""

import os
from typing import Final

THOROUGH: Final = bool(os.environ.get("TRIAL_LEDGER_THOROUGH"))
