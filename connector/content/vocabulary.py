"""What HTML and CSS of a mail may consist of. Everything else is dropped: nothing here can run, load, submit or cover the page."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "CSS_FUNCTIONS", "CSS_PROPERTIES", "CSS_UNITS_REFUSED", "SILENCED", "TAGS"]

TAGS = frozenset(
    """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em
    figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section
    small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr
    """.split()
)

# Tags that go with all that is in them; of other unknown tags the text stays.
SILENCED = frozenset(
    """
    script style title svg math noscript noembed noframes template iframe object applet audio video canvas xmp plaintext select textarea
    """.split()
)

# `background` and `srcset` are here to be noticed, and never come out.
ATTRIBUTES: dict[str, frozenset[str]] = {
    "*": frozenset("align background bgcolor class dir height id lang style title valign width".split()),
    "a": frozenset(["href", "name"]),
    "blockquote": frozenset(["type"]),
    "col": frozenset(["span"]),
    "colgroup": frozenset(["span"]),
    "details": frozenset(["open"]),
    "font": frozenset(["color", "face", "size"]),
    "img": frozenset(["alt", "src", "srcset", "border", "hspace", "vspace"]),
    "ol": frozenset(["start", "type"]),
    "table": frozenset(["border", "cellpadding", "cellspacing", "summary"]),
    "td": frozenset(["colspan", "rowspan", "nowrap"]),
    "th": frozenset(["colspan", "rowspan", "nowrap", "scope"]),
    "time": frozenset(["datetime"]),
}

_SIDES = ("top", "right", "bottom", "left")

# Properties that shape a text. Nothing that can load or make something out of nothing (background-image but for gradients,
# list-style-image, content, cursor, filter, mask), cover what is not its own (position, z-index, transform) or move (animation).
CSS_PROPERTIES = frozenset(
    [
        *"background-color background-image background-position background-repeat background-size background-clip".split(),
        "background-origin",
        *"border border-collapse border-color border-radius border-spacing border-style border-width".split(),
        *(f"border-{side}{part}" for side in _SIDES for part in ("", "-color", "-style", "-width")),
        *(f"border-{y}-{x}-radius" for y in ("top", "bottom") for x in ("left", "right")),
        *(f"{box}{side}" for box in ("margin", "padding") for side in ("", *(f"-{s}" for s in _SIDES))),
        *(f"{limit}{size}" for limit in ("", "min-", "max-") for size in ("width", "height")),
        *"box-sizing caption-side clear color color-scheme direction display empty-cells float overflow-wrap table-layout".split(),
        *"font font-family font-size font-stretch font-style font-variant font-weight hyphens letter-spacing line-height".split(),
        *"list-style-position list-style-type object-fit opacity overflow quotes tab-size text-align text-decoration".split(),
        *"text-decoration-color text-decoration-line text-decoration-style text-indent text-overflow text-shadow text-transform".split(),
        *"unicode-bidi vertical-align visibility white-space word-break word-spacing word-wrap".split(),
        *"align-items column-gap flex flex-basis flex-direction flex-grow flex-shrink flex-wrap gap justify-content order row-gap".split(),
        # Outlook's own, harmless: spacing of tables and size of text.
        *"mso-hide mso-line-height-rule mso-table-lspace mso-table-rspace -ms-text-size-adjust -webkit-text-size-adjust".split(),
    ]
)

CSS_FUNCTIONS = frozenset(
    "rgb rgba hsl hsla hwb lab lch oklab oklch color-mix calc min max clamp linear-gradient radial-gradient conic-gradient "
    "repeating-linear-gradient repeating-radial-gradient".split()
)

# The frame is as high as the mail: a mail that is as high as the frame would grow without end.
CSS_UNITS_REFUSED = frozenset("vh vb vmin vmax svh svb svmin svmax lvh lvb lvmin lvmax dvh dvb dvmin dvmax cqh cqb cqmin cqmax".split())
