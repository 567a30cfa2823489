"""How an image came."""

from neon_control.core.sensing.image_kind import ImageKind


def test_what_was_left_out_on_the_way_is_told_by_message_and_format_and_png_leaves_out_nothing() -> None:
    kinds = (("raw", "bgr8"), ("compressed", "png"), ("compressed", "jpeg"), ("video", "h264"), ("video", "av1"))
    assert [ImageKind(*kind, 4, 3).loss for kind in kinds] == ["raw", "raw", "jpeg", "video", "video"]


def test_in_words_it_is_size_message_and_encoding() -> None:
    assert str(ImageKind("compressed", "jpeg", 640, 480)) == "640 x 480 compressed jpeg"
