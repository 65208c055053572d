"""E-mail over SMTP, plain text: it reads the same on a watch, on a phone and in a terminal. One thread per issue."""

from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

import aiosmtplib

from embedded.channels.base import Notification, Rate
from embedded.channels.http import TIMEOUT_S
from embedded.channels.message import compose, cut
from embedded.destinations import Destinations, Mail
from embedded.errors import TransportError

RATE: Final = Rate(30, timedelta(minutes=1))  # our own: more is a flood that a relay would rather refuse
MAX_SUBJECT: Final = 200  # characters
PERMANENT: Final = 500  # and above; a 4xx is worth another try. Source: RFC 5321, 4.2.1
NOBODY: Final = "NoOne"  # the fallthrough type: without an owner nobody is told


class EmailChannel:
    """Hands mails to the configured server."""

    rate = RATE

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations

    async def send(self, notification: Notification) -> None:
        """Raises TransportError."""
        mail, to = self._destinations.mail, recipients(notification.action, self._destinations)
        if mail is None or not to:
            raise TransportError("e-mail: no recipient is configured for this action", permanent=True)
        await _hand_over(mail, render(notification, mail, to))


def recipients(action: Mapping[str, Any], destinations: Destinations) -> tuple[str, ...]:
    """Return whom an action means. There are no code owners here, so issue owners fall through, as Sentry has it."""
    config, data = action.get("config") or {}, action.get("data") or {}
    everybody = tuple(each.email for each in destinations.members)
    match config.get("targetType"):
        case "user":
            wanted = str(config.get("targetIdentifier"))
            return tuple(each.email for each in destinations.members if str(each.id) == wanted)
        case "issue_owners" if data.get("fallthroughType") == NOBODY:
            return ()
        case _:
            return everybody


def render(notification: Notification, mail: Mail, to: tuple[str, ...]) -> EmailMessage:
    """Return the mail; its id is the delivery's, so that a repetition is recognised as one."""
    said, domain = compose(notification), mail.sender.rpartition("@")[2]
    width = max(len(label) for label, _ in said.facts) + 2
    facts = [f"{label + ':':<{width}}{value}" for label, value in said.facts]
    links = [f"{label}: {url}" for label, url in said.links]
    message = EmailMessage()
    message["Subject"] = cut(said.title, MAX_SUBJECT)
    message["From"], message["To"] = mail.sender, ", ".join(to)
    message["Date"] = format_datetime(notification.at)
    message["Message-ID"] = f"<{notification.ident}@{domain}>"
    message["References"] = f"<issue-{notification.issue.id}-{notification.issue.short_id.lower()}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers. Source: RFC 3834, 5
    message.set_content("\n".join([said.summary, "", *facts, "", *links, ""]))
    return message


async def _hand_over(mail: Mail, message: EmailMessage) -> None:
    try:
        await aiosmtplib.send(
            message,
            hostname=mail.host,
            port=mail.port,
            username=mail.user,
            password=mail.password.get_secret_value() if mail.password else None,
            use_tls=mail.security == "tls",
            start_tls=mail.security == "starttls",
            timeout=TIMEOUT_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        permanent = all(each.code >= PERMANENT for each in error.recipients)
        raise TransportError(f"e-mail: {mail.host} refused every recipient", permanent=permanent) from None
    except aiosmtplib.SMTPResponseException as error:
        permanent = error.code >= PERMANENT
        raise TransportError(f"e-mail: {mail.host} answered {error.code}", permanent=permanent) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TransportError(f"e-mail: {mail.host}: {type(error).__name__}", permanent=False) from None
