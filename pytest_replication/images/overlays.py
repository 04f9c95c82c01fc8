"""Things laid over an image or around it: text, a face, a frame, the borders of a screenshot."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont


def text(image: Image.Image, words: str = "when the weekend starts") -> Image.Image:
    """Write a line of white letters with a black rim across the lower part."""
    written = image.copy()
    width, height = image.size
    size = max(6.0, 1.6 * width / max(1, len(words)))
    ImageDraw.Draw(written).text(
        (width / 2, height * 0.85),
        words,
        fill="white",
        font=ImageFont.load_default(size),
        anchor="mm",
        stroke_width=max(1, round(size / 12)),
        stroke_fill="black",
    )
    return written


def face(image: Image.Image, share: float = 0.35) -> Image.Image:
    """Draw a yellow face in the middle, as wide as a share of the short side."""
    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    x, y = image.width / 2, image.height / 2
    radius = max(2.0, min(image.size) * share / 2)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill="#ffcc33", outline="#7a5c00")
    for side in (-0.4, 0.4):
        eye_x, eye_y, eye = x + side * radius, y - 0.3 * radius, 0.13 * radius
        pen.ellipse((eye_x - eye, eye_y - eye, eye_x + eye, eye_y + eye), fill="#4d3300")
    mouth = (x - 0.55 * radius, y - 0.45 * radius, x + 0.55 * radius, y + 0.6 * radius)
    pen.arc(mouth, 20, 160, fill="#4d3300", width=max(1, round(0.1 * radius)))
    return drawn


def frame(image: Image.Image, share: float = 0.12, colour: str = "white") -> Image.Image:
    """Add a border on all sides, as wide as a share of the short side."""
    border = max(1, round(min(image.size) * share))
    framed = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), colour)
    framed.paste(image, (border, border))
    return framed


def screenshot(image: Image.Image) -> Image.Image:
    """Show it as a post on a screen: a bar with an avatar and a name above, buttons below."""
    width, height = image.size
    bar = max(6, width // 8)
    screen = Image.new("RGB", (width, height + 3 * bar), "white")
    screen.paste(image, (0, bar))
    pen = ImageDraw.Draw(screen)
    pen.ellipse((bar * 0.2, bar * 0.2, bar * 0.8, bar * 0.8), fill="#7a8ca5")
    pen.rectangle((bar, bar * 0.35, bar * 3, bar * 0.65), fill="#333333")
    for number in range(3):
        left = bar * (0.3 + number)
        pen.rectangle((left, height + bar * 1.25, left + bar * 0.5, height + bar * 1.75), fill="#555555")
    for number, length in enumerate((0.9, 0.6)):
        right = max(bar * 0.3, width * length)
        top = height + bar * (2.1 + 0.4 * number)
        pen.rectangle((bar * 0.3, top, right, top + bar * 0.2), fill="#999999")
    return screen


def collage(image: Image.Image, share: float = 0.5) -> Image.Image:
    """Put it, shrunk to a share of width and height, into the middle of a patterned ground of its size."""
    width, height = image.size
    ground = Image.new("RGB", image.size, "#35506b")
    pen = ImageDraw.Draw(ground)
    step = max(2, min(image.size) // 12)
    for left in range(0, width, 2 * step):
        pen.rectangle((left, 0, left + step - 1, height), fill="#c7b299")
    small = image.resize(
        (max(1, round(width * share)), max(1, round(height * share))), Image.Resampling.BICUBIC
    )
    ground.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return ground
