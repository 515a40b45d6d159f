"""What a notebook was executed with, said once: its own parameters, and over them those of the report."""

import ast
from pathlib import PurePath
from typing import Any

from nbformat import NotebookNode

TAGS = frozenset({"parameters", "injected-parameters"})
"""Of the cells that set them: the notebook's own, and the one that a report puts after it."""


def is_parameters(cell: NotebookNode) -> bool:
    """Whether a cell sets parameters."""
    return not TAGS.isdisjoint(cell.metadata.get("tags", []))


def parameters(notebook: NotebookNode) -> dict[str, str]:
    """Name → value as text; of a place on this machine only its own name, not the folder that it lies in."""
    values = {}
    for cell in filter(is_parameters, notebook.cells):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = _written(node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                values[node.target.id] = _written(node.value)
    return values


def _written(node: ast.expr) -> str:
    try:
        return _text(ast.literal_eval(node))
    except ValueError:  # no literal
        return ast.unparse(node)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else str(value)
