"""The one part that is compiled, if it can be: without a C compiler or Python's headers all is installed but that.

Everything else is said in pyproject.toml. `docs/adr/0014-the-fast-walk-is-compiled-where-it-can-be.md`.
"""

from setuptools import Extension, setup

KERNEL = Extension(
    "ledger.verifying.kernel",
    ["ledger/verifying/kernel.pyx"],
    depends=["ledger/verifying/texts.pxi", "ledger/verifying/hashing.pxi"],
    optional=True,
)

setup(ext_modules=[KERNEL])
