"""The pages a person sees: one question, one answer. No script, nothing loaded from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
table { border-collapse: collapse; width: 100%; margin: 1.2rem 0 }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid #8884 }
th { font-weight: 600; white-space: nowrap }
td { overflow-wrap: anywhere; white-space: pre-wrap }
textarea { width: 100%; box-sizing: border-box; min-height: 4.5rem; font: inherit; padding: .5rem }
button { font: inherit; padding: .6rem 1.4rem; margin: 1rem .6rem 0 0; cursor: pointer }
small { opacity: .7 }
"""


def question_page(approval: Any) -> str:
    """Return the page with a question, its details and a button for each decision."""
    rows = "".join(
        f"<tr><th scope=row>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in approval.details.items()
    )
    buttons = "".join(
        f'<button name=decision value="{escape(decision)}">{escape(decision.capitalize())}</button>'
        for decision in approval.decisions
    )
    until = datetime.fromtimestamp(approval.expires_at, UTC).strftime("%d %B %Y, %H:%M UTC")
    asked = f"Asked of {escape(approval.to)}. " if approval.to else ""
    return _page(
        approval.title,
        f"{f'<table>{rows}</table>' if rows else ''}"
        "<form method=post><label for=comment>Comment (optional)</label>"
        f"<textarea id=comment name=comment maxlength=2000></textarea>{buttons}</form>"
        f"<p><small>{asked}Your answer counts once. This page works until {until}.</small></p>",
    )


def message_page(title: str, text: str) -> str:
    """Return the page that says what happened."""
    return _page(title, f"<p>{escape(text)}</p>")


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )
