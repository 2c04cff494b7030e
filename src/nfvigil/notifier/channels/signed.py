"""Doctor's FaultNotification, signed by the Standard Webhooks specification with the endpoint's own key."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from nfvigil.model.notification import Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import SECOND
from nfvigil.notifier.channel import Message
from nfvigil.notifier.channels.doctor import body

_BYTES_MIN = 16


@lru_cache(maxsize=4096)
def _webhook(secret: str) -> Webhook:
    return Webhook(secret)


class SignedChannel:
    """Headers ``webhook-id`` (the same for each retry), ``webhook-timestamp`` (of the try), ``webhook-signature``."""

    per_alarm = False

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        headers = {"Content-Type": "application/json", "webhook-id": notification.id}
        return Message(body(notification, subscription), headers)

    def stamp(self, message: Message, message_id: str, endpoint: Endpoint, now_us: int) -> Mapping[str, str]:
        moment = datetime.fromtimestamp(now_us // SECOND, UTC)
        signature = _webhook(endpoint.secret).sign(message.headers["webhook-id"], moment, message.body.decode())
        return {"webhook-timestamp": str(now_us // SECOND), "webhook-signature": signature}

    def refusal(self, endpoint: Endpoint) -> str:
        """The key must be one that a consumer's library takes too: ``whsec_`` and base64."""
        if not endpoint.secret:
            return "needs a secret: whsec_ and base64"
        try:
            key = binascii.a2b_base64(endpoint.secret.removeprefix("whsec_"), strict_mode=True)
            Webhook(endpoint.secret)
        except (ValueError, EmptyWebhookSecretError):
            return "the secret is not whsec_ and base64"
        return "" if len(key) >= _BYTES_MIN else f"the secret is shorter than {_BYTES_MIN} bytes"
