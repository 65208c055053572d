"""An action of a chat or on-call tool -> the receiver that it names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from embedded.destinations import Destinations
from embedded.errors import TransportError
from embedded.lenient import mapping


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom a message goes to."""

    label: str  # for logs
    url: str  # of the API that takes it, where that is not the secret
    secret: SecretStr


FindTarget = Callable[[Mapping[str, Any]], Receiver]


def find_receiver(destinations: Destinations, action: Mapping[str, Any]) -> Receiver:
    """Raises TransportError, a permanent one, where the action names what is not, or no longer, configured."""
    provider, config = str(action["type"]), mapping(action.get("config"))
    identifier, display = (str(config.get(key) or "") for key in ("targetIdentifier", "targetDisplay"))
    integration = destinations.find_integration(provider, action.get("integrationId"))
    if integration is None:
        raise TransportError(f"no {provider} integration with id {action.get('integrationId')}", permanent=True)
    target = integration.find_target(identifier, display)
    if target is None:
        raise TransportError(f"{provider} {integration.name} has no {identifier or display!r}", permanent=True)
    return Receiver(f"{provider} {integration.name} {target.name}", integration.url, target.secret)
