import pytest

from tasks.thumbnail.codecs.rare import vector

SIDE_PX = 256
"""What PDF and SVG are drawn with here along their longer side: an eighth of what it is."""


@pytest.fixture(autouse=True)
def _small_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vector.VECTOR_SIDE_PX == 8 * SIDE_PX
    monkeypatch.setattr(vector, "VECTOR_SIDE_PX", SIDE_PX)
