from PIL import Image

from pytest_replication.images.views import WHOLE, View, cut


def test_the_whole_view_is_the_image_itself() -> None:
    image = Image.new("RGB", (31, 17))
    assert cut(image, WHOLE) == [image]


def test_a_box_is_cut_by_shares_of_width_and_height() -> None:
    image = Image.new("RGB", (100, 50), "black")
    image.paste("white", (50, 25, 100, 50))
    (part,) = cut(image, (View("corner", (0.5, 0.5, 1.0, 1.0)),))
    assert part.size == (50, 25)
    assert part.getextrema() == ((255, 255),) * 3


def test_a_view_of_a_tiny_image_keeps_a_pixel() -> None:
    (part,) = cut(Image.new("RGB", (1, 1)), (View("corner", (0.9, 0.9, 1.0, 1.0)),))
    assert part.size == (1, 1)
