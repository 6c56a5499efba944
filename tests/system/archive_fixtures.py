"""
Fixtures of the middle layers' tests. Load them with `pytest_plugins = "archive_fixtures"`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import NOW, READER, Archive, open_archive, rights_count

from facewatchd.config import Config
from facewatchd.core.matching.thresholds import Thresholds
from facewatchd.demo import make_demo_album
from facewatchd.domain import FaceEngine, Root, TakenPhoto
from facewatchd.faces.packs import open_engine
from facewatchd.photos.formats import is_photo_name
from facewatchd.pipeline.grouping.thresholds import thresholds_for
from facewatchd.pipeline.intake.ingest import IngestSettings, take_in
from facewatchd.store import Store
from facewatchd.watch.scanner import scan


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive."""
    made = open_archive(tmp_path)
    with made.store:
        yield made


@pytest.fixture
def strict() -> Iterator[None]:
    """See `rights_count`."""
    with rights_count():
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty state."""
    with Store(tmp_path / "state") as opened:
        yield opened


# --- the demo album and the built-in models


@pytest.fixture(scope="session")
def builtin_engine(model_cache: Path) -> FaceEngine:
    return open_engine("builtin", Path("/nonexistent"), model_cache, "cpu")


@pytest.fixture(scope="session")
def ingest_settings() -> IngestSettings:
    return IngestSettings.of(Config())


@pytest.fixture(scope="session")
def builtin_thresholds() -> Thresholds:
    return thresholds_for(Config(), "builtin")


@pytest.fixture(scope="session")
def demo_album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo album, made once; nobody changes it."""
    folder = tmp_path_factory.mktemp("demo") / "photos"
    make_demo_album(folder)
    return folder


@pytest.fixture(scope="session")
def demo_taken(demo_album: Path, builtin_engine: FaceEngine, ingest_settings: IngestSettings) -> list[TakenPhoto]:
    """All that the built-in models find in the demo album, as a root with the id 1."""
    root = Root(1, os.path.realpath(os.fsencode(demo_album)))
    taken = []
    for folder in scan(root, is_photo_name):
        for seen in folder.files:
            result = take_in(seen, root, READER, builtin_engine, ingest_settings, NOW)
            assert isinstance(result, TakenPhoto)
            taken.append(result)
    return taken
