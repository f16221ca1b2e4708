"""A minimal SVG writer: elements as escaped markup, and positions in per cent.

Horizontal positions are percentages and text is in pixels, so a plot fills any width without its
letters shrinking: the same file reads on a phone and on paper.
"""

from collections.abc import Iterable

from markupsafe import Markup, escape


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """Write one element; children and attribute values are escaped unless they are `Markup`.

    An underscore in an attribute's name stands for a hyphen, a trailing one is dropped
    (`class_`). Numbers are written with at most two decimals.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    body = Markup("").join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{body}</{name}>")  # noqa: S704 every part is escaped above


def picture(
    key: str, title: str, description: str, height: float, children: Iterable[Markup]
) -> Markup:
    """Wrap shapes into an accessible image, as wide as its place and `height` pixels high.

    `key` makes the ids of title and description unique in the page.
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        class_="plot",
        width="100%",
        height=height,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def percent(value: float) -> str:
    """Write a horizontal position, 0..100."""
    return f"{value:.2f}%"


def _value(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
