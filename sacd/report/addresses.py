"""HTML without addresses outside the report: pages open with the network off, whatever an output cell holds."""

from html import unescape

import tinycss2
from bs4 import BeautifulSoup
from bs4.dammit import EntitySubstitution
from bs4.element import Stylesheet
from bs4.formatter import HTMLFormatter
from tinycss2.ast import CurlyBracketsBlock, IdentToken, Node, ParenthesesBlock, SquareBracketsBlock

_PLAIN = HTMLFormatter(EntitySubstitution.substitute_xml, "", empty_attributes_are_booleans=True)
_NONE = IdentToken(0, 0, "none")
_ADDRESSES = frozenset(
    {"href", "src", "srcset", "action", "formaction", "poster", "data", "background", "ping", "xlink:href"}
)
_SUSPECT = ("//", "\\", "http:", "https:", "ftp:", "@import")
"""No address outside and no import is written without one of these, entities apart."""


def without_external_addresses(html: str) -> str:
    """HTML whose links and sources outside the report are turned into plain `data-address` attributes.

    In style sheets and `style` attributes such an address becomes ``none``, and imports go.
    """
    if not _is_suspect(unescape(html)):  # a large table need not be read
        return html
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(True):
        for name in _ADDRESSES & tag.attrs.keys():
            if _is_external(tag[name]):
                tag["data-address"] = tag[name].strip()
                del tag[name]
        if "style" in tag.attrs:
            tag["style"] = _clean_style(tag["style"])
        if tag.name == "style" and tag.string:
            tag.string.replace_with(Stylesheet(_clean_style(tag.string)))
    return soup.decode(formatter=_PLAIN)


def _is_suspect(text: str) -> bool:
    text = text.lower().translate(dict.fromkeys(map(ord, "\t\n\r")))  # which a browser skips
    return any(mark in text for mark in _SUSPECT)


def _is_external(address: str) -> bool:
    """Whether a browser would look for it elsewhere; also in a list of sources, as in ``srcset``."""
    parts = "".join(character for character in address if character >= " ").replace("\\", "/").lower()
    return any(part.strip().startswith(("//", "http:", "https:", "ftp:")) for part in parts.split(","))


def _clean_style(text: str) -> str:
    return tinycss2.serialize(_clean(tinycss2.parse_component_value_list(text))) if _is_suspect(text) else text


def _clean(nodes: list[Node]) -> list[Node]:
    """Parts of a style sheet without imports and external addresses."""
    kept, importing = [], False
    for node in nodes:
        importing = importing or node.type == "at-keyword" and node.lower_value == "import"
        if importing:
            importing = node != ";"
            continue
        if node.type == "function":
            node.arguments = _clean(node.arguments)
            if any(part.type == "string" and _is_external(part.value) for part in node.arguments):
                node = _NONE
        elif node.type == "url" and _is_external(node.value):
            node = _NONE
        elif isinstance(node, (CurlyBracketsBlock, ParenthesesBlock, SquareBracketsBlock)):
            node.content = _clean(node.content)
        kept.append(node)
    return kept
