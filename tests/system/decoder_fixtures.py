"""Real processes that decode, of which some pictures end, hold up or take over theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bad_files import BAD_DECODER

from facewatchd.photos.decoding.decoders import Decoders


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    """With a decoder for GIFs that does what their comments say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BAD_DECODER))
        made = Decoders()
        made.warm_up()
        yield made
        made.stop()
