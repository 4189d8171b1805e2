from PIL import ImageFilter, ImageStat

from tests.support.pictures import scene


def test_the_scene_is_the_same_every_time_at_any_size() -> None:
    for size in ((320, 240), (97, 400), (24, 16)):
        assert scene(*size).tobytes() == scene(*size).tobytes()
        assert scene(*size).size == size


def test_the_scene_has_light_dark_and_detail() -> None:
    picture = scene(900, 600).convert("L")
    assert ImageStat.Stat(picture).stddev[0] > 30
    assert ImageStat.Stat(picture.filter(ImageFilter.FIND_EDGES)).mean[0] > 10
