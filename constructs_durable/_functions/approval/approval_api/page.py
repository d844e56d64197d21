"""The pages a person sees: one question, one answer. No script, nothing loaded from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: clamp(1.5rem, 10vh, 7rem) auto 2rem; padding: 0 1.2rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem; border-top: 1px solid #8885 }
th, td { text-align: left; vertical-align: top; padding: .5rem .8rem .5rem 0; border-bottom: 1px solid #8885 }
th { font-weight: 400; opacity: .75; width: 25% }
td { overflow-wrap: anywhere; white-space: pre-wrap }
textarea, button { box-sizing: border-box; font: inherit; color: inherit; border: 1px solid #888; border-radius: .4rem }
textarea { display: block; width: 100%; min-height: 5rem; padding: .5rem .6rem; margin-top: .3rem }
div { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0 }
button { flex: 1 1 9rem; padding: .7rem 1rem; background: #8882; font-weight: 600; cursor: pointer }
button:hover { background: #8884 }
:focus-visible { outline: 3px solid; outline-offset: 2px }
small { opacity: .75 }
"""


def question_page(approval: Any) -> str:
    """Return the page with a question, its details and a button for each decision."""
    rows = "".join(
        f"<tr><th scope=row>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in approval.details.items()
    )
    buttons = "".join(
        f'<button name=decision value="{escape(decision)}">{escape(decision[:1].upper() + decision[1:])}</button>'
        for decision in approval.decisions
    )
    until = datetime.fromtimestamp(approval.expires_at, UTC).strftime("%d %B %Y, %H:%M UTC")
    asked = f"Asked of {escape(approval.to)}. " if approval.to else ""
    return _page(
        approval.title,
        f"{f'<table>{rows}</table>' if rows else ''}"
        "<form method=post><label for=comment>Comment (optional)</label>"
        f"<textarea id=comment name=comment maxlength=2000></textarea><div>{buttons}</div></form>"
        f"<p><small>{asked}Your answer counts once. This page works until {until}.</small></p>",
    )


def message_page(title: str, text: str) -> str:
    """Return the page that says what happened."""
    return _page(title, f"<p>{escape(text)}</p>")


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )
