"""Text from plugins and records, made harmless for the place where it is shown.

Table cells, code blocks, charts, and the options of select boxes are plain text already.
"""

import html
import re
from urllib.parse import quote


def plain(text: object) -> str:
    """The text with Markdown's characters escaped, and in one line, so that it is shown as it stands."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$:<>&@])", r"\\\1", " ".join(str(text).split()))


def in_html(text: object) -> str:
    """The text with HTML's characters escaped."""
    return html.escape(str(text))


def link(text: object, address: str | None) -> str:
    """Markdown of a link; the bare text without an address. Only from ``web_address`` or this dashboard's own."""
    return f"[{plain(text)}](<{quote(address, safe=':/?#@!$&*+,;=%~.-_')}>)" if address else plain(text)


def compare_address(query: str) -> str:
    """Where this dashboard sets two rows side by side; the query is of ``rows.with_addresses``."""
    return f"compare?{query}"


def method_address(method: object) -> str:
    """Where this dashboard shows a method, relative to any of its pages."""
    return f"method?method={quote(str(method), safe='')}"
