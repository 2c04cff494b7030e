"""Whether certificates and a key in PEM are what they must be, before anybody tries to connect with them."""

from __future__ import annotations

from collections.abc import Iterator

from nfvigil.model.ves import VesSubscription


def credential_errors(subscription: VesSubscription) -> Iterator[tuple[str, str]]:
    """Each wrong field and why; nothing of a key is said."""
    if not (subscription.ca or subscription.client_cert or subscription.client_key):
        return  # and cryptography is not imported for nothing
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    if not subscription.endpoint.startswith("https://"):
        yield "endpoint", "must be https:// where certificates are used"
    for name in ("ca", "client_cert"):  # in this order: ``public`` is the client's then
        text = getattr(subscription, name)
        if text:
            try:
                public = x509.load_pem_x509_certificates(text.encode())[0].public_key()
            except (ValueError, UnsupportedAlgorithm):
                public = None
                yield name, "must be certificates in PEM"
    if bool(subscription.client_cert) != bool(subscription.client_key):
        missing, there = ("client_key", "client_cert") if subscription.client_cert else ("client_cert", "client_key")
        yield missing, f"is missing, and there is a {there}"
        return
    if not subscription.client_key:
        return
    try:
        key = load_pem_private_key(subscription.client_key.encode(), None)
    except TypeError:
        yield "client_key", "must not be encrypted: nobody is there to give the passphrase"
    except (ValueError, UnsupportedAlgorithm):
        yield "client_key", "must be a private key in PEM"
    else:
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if public is not None and public.public_bytes(*form) != key.public_key().public_bytes(*form):
            yield "client_key", "does not belong to client_cert"
