"""
What every kind of test may use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from unsynced import do_without_sync

do_without_sync()

# How long an example takes, or the making of it, depends on what else the machine does; and the same examples are tried
# each time by `make test`, so that what failed once fails again, and others each time by `make soak`.
settings.register_profile(
    "facewatchd",
    deadline=None,
    derandomize="FACEWATCHD_SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("facewatchd")


@pytest.fixture(scope="session", autouse=True)
def bytecode(pytestconfig: pytest.Config) -> Iterator[None]:
    """Where Python is told to leave no bytecode among the sources, the programs that tests start share it elsewhere."""
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode and cache is not None:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(cache.mkdir("bytecode")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with test models and photos that is no part of the project: `$FACEWATCHD_SHARED`, else `../shared`."""
    folder = Path(os.environ.get("FACEWATCHD_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"needs the shared folder: there is none at {folder}")
    return folder


@pytest.fixture(scope="session")
def testpack(shared: Path) -> Path:
    """A small pack in insightface's format."""
    return shared / "models" / "testpack"


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for converted models, so that one test run converts them once."""
    return tmp_path_factory.mktemp("models")
