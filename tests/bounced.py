"""Mails that come back, as servers write them: shapes of their own, invented words and names.

Every function gives bytes with CRLF. ``sender`` is the envelope sender of ours that they answer.
"""

from email.message import EmailMessage
from email.policy import SMTP

READER = "ada@reader.example.net"
ORIGINAL = """\
Return-Path: <{sender}>
Received: from digest.example.org by relay.example.org; Sat, 14 Mar 2026 07:00:01 +0000
From: Trending Papers <digest@digest.example.org>
To: ada@reader.example.net
Subject: 12 papers for Saturday
Message-ID: <d.2026-03-14.0123456789abcdef01234567@digest.example.org>
List-Unsubscribe: {unsubscribe}
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset="utf-8"

Papers.
--inner--
"""


def crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8")


def original(
    sender: str = "bounce@bounce.example.org", unsubscribe: str = "<https://x.example/u/t>"
):
    """The mail that came back, whole."""
    return ORIGINAL.format(sender=sender, unsubscribe=unsubscribe)


def dsn(
    to: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <ada@reader.example.net>: no such user",
    prose: str = "Your mail could not be delivered.",
    server: str = "relay.example.org",
    head: str = "",
    back: str = "message/rfc822",
    sender: str = "",
) -> bytes:
    """As Postfix and many others write it (RFC 3464)."""
    inside = original(sender or to)
    if back == "text/rfc822-headers":
        inside = inside.partition("\n\n")[0] + "\n"
    said = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return crlf(
        f"""\
Return-Path: <>
Date: Sat, 14 Mar 2026 07:00:05 +0000
From: Mail Delivery System <MAILER-DAEMON@{server}>
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
{head}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="outer/{server}"

This is a MIME-encapsulated message.

--outer/{server}
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{prose}

--outer/{server}
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; {server}
X-Queue-ID: 4F2A
Arrival-Date: Sat, 14 Mar 2026 07:00:01 +0000

Final-Recipient: rfc822; {READER}
Original-Recipient: rfc822;{READER}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.reader.example.net
{said}
--outer/{server}
Content-Description: Undelivered Message
Content-Type: {back}

{inside}
--outer/{server}--
"""
    )


def exim(to: str, *, reply: str = "550 Unrouteable address") -> bytes:
    """Exim's report: its status says nothing, its diagnostic code everything."""
    return dsn(
        to,
        status="5.0.0",
        diagnostic=f"smtp; {reply}",
        server="exim.example.com",
        head=f"X-Failed-Recipients: {READER}\n",
    )


def old_exim(to: str, *, reply: str = "550 5.1.1 unknown user") -> bytes:
    """Exim before it knew reports: prose, and a header of its own."""
    return crlf(
        f"""\
Return-path: <>
X-Failed-Recipients: {READER}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@exim.example.com>
To: {to}
Subject: Mail delivery failed: returning message to sender

A mail that you sent could not be delivered to all of its recipients.
These addresses failed:

  {READER}
    SMTP error from remote mail server after RCPT TO:<{READER}>:
    host mx.reader.example.net [192.0.2.5]: {reply}

------ This is a copy of your message, including all the headers. ------

{original(to)}"""
    )


def exchange(to: str) -> bytes:
    """Exchange's report: HTML beside the prose, a diagnostic code that names its resolver."""
    return crlf(
        f"""\
From: <postmaster@reader.example.net>
To: <{to}>
Date: Sat, 14 Mar 2026 07:00:05 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary="=_ex"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-GB
Message-ID: <1@reader.example.net>
In-Reply-To: <d.2026-03-14.0123456789abcdef01234567@digest.example.org>
Subject: Undeliverable: 12 papers for Saturday
Auto-Submitted: auto-replied
MIME-Version: 1.0

--=_ex
Content-Type: multipart/alternative; differences=Content-Type; boundary="=_alt"

--=_alt
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Delivery has failed to these recipients: ada=40reader.example.net
--=_alt
Content-Type: text/html; charset="us-ascii"

<html><body>Delivery has failed</body></html>
--=_alt--

--=_ex
Content-Type: message/delivery-status

Reporting-MTA: dns;EX01.reader.example.net
Received-From-MTA: dns;relay.example.org
Arrival-Date: Sat, 14 Mar 2026 07:00:04 +0000

Original-Recipient: rfc822;{READER}
Final-Recipient: rfc822;{READER}
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {READER}
 not found by SMTP address lookup

--=_ex
Content-Type: message/rfc822

{original(to)}
--=_ex--
"""
    )


def gmail(to: str) -> bytes:
    """Gmail's report: related parts with a picture, several lines of reply, a link."""
    return crlf(
        f"""\
Return-Path: <>
Received: by 2002:0:0:0:0:0:0:0 with SMTP id a1; Sat, 14 Mar 2026 00:00:05 -0700 (PDT)
Content-Type: multipart/report; boundary="000000000000abcd"; report-type=delivery-status
To: {to}
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
X-Failed-Recipients: {READER}

--000000000000abcd
Content-Type: multipart/related; boundary="000000000000beef"

--000000000000beef
Content-Type: multipart/alternative; boundary="000000000000cafe"

--000000000000cafe
Content-Type: text/plain; charset="UTF-8"

** The recipient's inbox is out of storage space **
--000000000000cafe
Content-Type: text/html; charset="UTF-8"

<p>The recipient's inbox is out of storage space
--000000000000cafe--
--000000000000beef
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64
Content-ID: <icon.png>

iVBORw0KGgo=
--000000000000beef--

--000000000000abcd
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example
Arrival-Date: Sat, 14 Mar 2026 00:00:04 -0700 (PDT)
X-Original-Message-ID: <d.2026-03-14.0123456789abcdef01234567@digest.example.org>

Final-Recipient: rfc822; {READER}
Action: failed
Status: 4.2.2
Remote-MTA: dns; gmail-smtp-in.l.google.example. (192.0.2.27, the server for the domain.)
Diagnostic-Code: smtp; 452-4.2.2 The recipient's inbox is out of storage space and inactive.
 452-4.2.2 Please direct the recipient to
 452 4.2.2  https://support.example/mail/?p=OverQuotaTemp a1-2si3 - gsmtp
Last-Attempt-Date: Sat, 14 Mar 2026 00:00:05 -0700 (PDT)

--000000000000abcd
Content-Type: message/rfc822

{original(to)}
--000000000000abcd--
"""
    )


def internationalised(to: str) -> bytes:
    """RFC 6533: the same in UTF-8, under another name."""
    plain = dsn(to, diagnostic="smtp; 550 5.1.1 кто?").decode()
    plain = plain.replace("message/delivery-status", "message/global-delivery-status")
    return plain.replace("rfc822; ada@", "utf-8; адa@").encode()


def complaint(
    to: str, *, kind: str = "abuse", mail_from: str = "", inside: str | None = None
) -> bytes:
    """A feedback report (RFC 5965), to the address that is registered for them."""
    said = f"Original-Mail-From: <{mail_from}>\n" if mail_from else ""
    inside = original() if inside is None else inside
    return crlf(
        f"""\
From: <feedback@mailbox.example>
Date: Sat, 14 Mar 2026 09:00:05 +0000
Subject: FW: 12 papers for Saturday
To: <{to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="arf"

--arf
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--arf
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{said}Arrival-Date: Sat, 14 Mar 2026 07:00:02 +0000
Reported-Domain: digest.example.org

--arf
Content-Type: message/rfc822
Content-Disposition: inline

{inside}
--arf--
"""
    )


def written(to: str, subject: str = "unsubscribe", text: str = "", **headers: str) -> bytes:
    """A mail that a person or their program wrote."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = READER, to, subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()
