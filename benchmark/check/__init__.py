"""``beyond check``: what is wrong with a method's file, in a sentence a check, before anybody trains with it.

``metadata`` and ``imports`` read the file; ``trials`` run it on a small ``problem``, inside a sandbox (``sandboxed``
is the side that is trusted, ``worker`` the side that loads the file) or, for tests, in this process.
"""

from benchmark.check.findings import Finding
from benchmark.check.problem import BACKBONES, MODULES, RECIPE, digits, make
from benchmark.check.worker import check_method

__all__ = ["BACKBONES", "MODULES", "RECIPE", "Finding", "check_method", "digits", "make"]
