"""Other processes of this package, started as programs of their own.

They are neither forked nor spawned, so that scripts need no ``if __name__ == "__main__"`` and the compiled engine of
the parent is not copied; and they find the package where the parent has it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["command", "environment"]

START = """
import importlib, importlib.util, sys
spec = importlib.util.find_spec("sbmlqsp")
package = sys.modules["sbmlqsp"] = importlib.util.module_from_spec(spec)

def face(name):
    if name != "__version__" and (name.startswith("__") or importlib.util.find_spec("sbmlqsp." + name)):
        raise AttributeError(name)
    del package.__getattr__
    spec.loader.exec_module(package)
    return getattr(package, name)

package.__getattr__ = face
importlib.import_module(sys.argv[1]).main(*sys.argv[2:])
"""
"""The package without its face, whose imports take as long as all the rest, until it is asked for."""


def command(module: str, *words: str) -> list[str]:
    """Return the command that calls ``main`` of a module with words.

    Examples
    --------
    >>> command("sbmlqsp.engine.guard_child")[-1]
    'sbmlqsp.engine.guard_child'
    """
    return [sys.executable, "-P", "-c", START, module, *words]


def environment() -> dict[str, str]:
    """Return the variables for such a process: those of this one, with the places that modules are imported from.

    The folder that this process happens to stand in is none of them, unless the package is there: a file in it could be
    called like any module.
    """
    own = str(Path(__file__).resolve().parent.parent)
    places = [own if os.path.realpath(p) == own else p for p in sys.path]
    places = [p for p in places if p] + ([] if own in places else [own])
    return os.environ | {"PYTHONPATH": os.pathsep.join(places)}
