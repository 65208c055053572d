"""The sink over SMTP: a server that takes mail for anybody and relays none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MAIL_BYTES: Final = 1024 * 1024
KEPT: Final = "250 OK"
REFUSED: Final = "554 not one of Sentry's mails"  # for good: the same mail will not be better later

Keep = Callable[[tuple[str, ...], str], str | None]  # recipients, mail -> what is wrong with it


class _Mailbox:
    """What the server does with a mail; its method's name is the library's."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        content = envelope.content or b""
        mail = content if isinstance(content, str) else content.decode("utf-8", errors="replace")
        return REFUSED if self._keep(tuple(envelope.rcpt_tos), mail) else KEPT


@asynccontextmanager
async def receiving_mail(host: str, port: int, keep: Keep) -> AsyncIterator[None]:
    """Take mail at this address until the block ends."""
    mailbox = _Mailbox(keep)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="sink", data_size_limit=MAX_MAIL_BYTES), host, port
    )
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
