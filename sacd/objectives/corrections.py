"""Corrections for imbalance, which any way of distilling can be composed with: ``METHOD+CORRECTION``, as ``kd+abc``.

A correction is a class that stands before the method's own in one that has both as its bases: what it does not change
is the method's. Its options begin with its name, so that both parts' stand in one mapping.
"""

from typing import Any, ClassVar

from sacd.exceptions import SacdError
from sacd.objectives.base import Context, Objective


class Correction(Objective):
    """What stands before a method; `super()` is the method. It takes the method's options as ``**options``."""

    since_paper: ClassVar[bool] = True

    def __init__(self, context: Context, **options: Any) -> None:
        super().__init__(context, **options)


def corrected(method: type[Objective], correction: type[Correction]) -> type[Objective]:
    """The class of a method with a correction: both titles, sources, versions and options.

    Raises
    ------
    SacdError
        The method has a correction already.
    """
    title = method.title or method.__name__
    if issubclass(method, Correction):
        raise SacdError(f"{title} + {correction.title}: a method takes one correction; name one of them")
    about = {
        "title": f"{title} + {correction.title}",
        "source": ", ".join(filter(None, (method.source, correction.source))),
        "version": f"{method.version}+{correction.version}",
        "weights": method.weights + correction.weights,
        "parts": (method,),
    }
    return type(f"{method.__name__}{correction.__name__}", (correction, method), about)
