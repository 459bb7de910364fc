"""What some tests need of the system: without it they are skipped, but fail where CI says that it must be there."""

import os
import shutil

import pytest


def needs(program: str, works: bool = True) -> pytest.MarkDecorator:
    """Skip a test where ``program`` is missing or does not work, unless ``BEYOND_REQUIRE`` names it."""
    here = bool(shutil.which(program)) and works
    required = program in os.environ.get("BEYOND_REQUIRE", "").split()
    return pytest.mark.skipif(not here and not required, reason=f"{program} is not installed or does not work here")
