from pathlib import Path

import pytest

from tests.support.thumbnail.drawing import Renderer


@pytest.fixture(params=["vips", "pillow"])
def renderer(request: pytest.FixtureRequest, tmp_path: Path) -> Renderer:
    """Both engines keep to one contract, so that every test of a picture is run with both."""
    return Renderer(tmp_path, request.param)


@pytest.fixture
def prober(tmp_path: Path) -> Renderer:
    """For tests of headers alone, which Pillow reads whatever draws the picture."""
    return Renderer(tmp_path)
