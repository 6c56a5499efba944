"""
What every kind of test may use.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


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
