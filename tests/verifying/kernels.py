"""The kernel compiled anew with a change to its source: a check is left out, or it is instrumented."""

import importlib.util
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, Final

from ledger.verifying import blocks

_FOLDER: Final = Path(blocks.__file__).parent
SOURCES: Final = [_FOLDER / "kernel.pyx", *sorted(_FOLDER.glob("*.pxi"))]
_BUILD: Final = """
import sys
from setuptools import Extension, setup
flags = sys.argv.pop().split()
made = Extension("kernel", ["kernel.pyx"], extra_compile_args=flags, extra_link_args=flags)
setup(name="kernel", script_args=["-q", "build_ext", "--inplace"], ext_modules=[made])
"""


def compiled_with(folder: Path, check: str, instead: str, flags: str = "-O0 -w") -> Any:
    """The module of a kernel that has `instead` where its source has `check`."""
    assert sum(source.read_text().count(check) for source in SOURCES) == 1, check
    for source in SOURCES:
        (folder / source.name).write_text(source.read_text().replace(check, instead))
    subprocess.run([sys.executable, "-c", _BUILD, flags], cwd=folder, check=True, capture_output=True)
    spec = importlib.util.spec_from_file_location("kernel", folder / f"kernel{EXTENSION_SUFFIXES[0]}")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
