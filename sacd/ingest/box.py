"""A rectangle in a picture: the region of interest, or what previews show in coarse blocks."""

from dataclasses import dataclass

from sacd.exceptions import SacdError


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of the upright picture, 0–1: its left upper corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.x and 0 <= self.y and self.x + self.width <= 1 + 1e-9 and self.y + self.height <= 1 + 1e-9
        if not (inside and self.width > 0 and self.height > 0):
            raise SacdError(
                f"region {self.x:g},{self.y:g},{self.width:g},{self.height:g} does not lie in the picture; give left, "
                "top, width and height as shares of it, like 0.1,0.2,0.6,0.5"
            )

    @classmethod
    def parse(cls, text: str) -> "Box":
        """``"0.1,0.2,0.6,0.5"``: left, top, width, height.

        Raises
        ------
        SacdError
        """
        try:
            return cls(*map(float, text.split(",")))
        except (TypeError, ValueError):
            raise SacdError(f"region {text!r} is not left,top,width,height; write it like 0.1,0.2,0.6,0.5") from None

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a picture, at least one of each."""
        return _span(self.y, self.height, height), _span(self.x, self.width, width)

    def turned_back(self, quarters: int) -> "Box":
        """The same place before the picture was turned counter-clockwise by so many quarters."""
        box = self
        for _ in range(quarters % 4):
            box = Box(max(0.0, 1 - box.y - box.height), box.x, box.height, box.width)
        return box

    def within(self, outer: "Box | None") -> "Box | None":
        """What of this box lies in `outer`, in shares of that; None where they do not meet."""
        if outer is None:
            return self
        left, top = max(self.x, outer.x), max(self.y, outer.y)
        right = min(self.x + self.width, outer.x + outer.width)
        bottom = min(self.y + self.height, outer.y + outer.height)
        if right <= left or bottom <= top:
            return None
        return Box(
            (left - outer.x) / outer.width, (top - outer.y) / outer.height,
            (right - left) / outer.width, (bottom - top) / outer.height,
        )


def _span(begin: float, length: float, pixels: int) -> slice:
    first = min(round(begin * pixels), pixels - 1)
    return slice(first, max(first + 1, round((begin + length) * pixels)))
