"""What holds for all tests.

1. How many examples the laws are tried with where they do not say it: some of each for every change, more in a soak.
2. Signals mean what they mean, also where the tests were started by something that ignores them (`nohup`, `&` in a
   script): what is ignored is ignored by every program that they start.
"""

import signal

from hypothesis import settings

from tests.thorough import THOROUGH

settings.register_profile("suite", settings.get_profile("ci"), max_examples=200 if THOROUGH else 40)

for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
