from pathlib import Path

import pytest

from tests.support.thumbnail.drawing import Renderer


@pytest.fixture
def renderer(tmp_path: Path) -> Renderer:
    return Renderer(tmp_path)
