"""What comes back, read: mails from anywhere and webhooks of providers become a ``Notice``.

    LMTP, SMTP ─▶ listener ─┐
    pipe ───────────────────┴─▶ reading.read ─▶ delivery reports · complaints · messages ─▶ Notice
    webhooks ─▶ sns, mailgun: signature checked ────────────────────────────────────────▶ Notice

Everything is hostile. Nothing here raises for what was sent: what cannot be read is a ``Notice``
that says so. What is believed of it is decided elsewhere, by its tokens.
"""

from digest.bounces.reading import read

__all__ = ["read"]
