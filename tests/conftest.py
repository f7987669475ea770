"""How many examples the laws are tried with where they do not say it: some of each for every change, more in a soak."""

from hypothesis import settings

from tests.thorough import THOROUGH

settings.register_profile("suite", settings.get_profile("ci"), max_examples=200 if THOROUGH else 40)
