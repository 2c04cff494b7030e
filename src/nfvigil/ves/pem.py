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
    public = None
    for name in ("ca", "client_cert"):
        text = getattr(subscription, name)
        if text:
            try:
                certificates = x509.load_pem_x509_certificates(text.encode())
            except ValueError:
                yield name, "must be certificates in PEM"
            else:
                public = certificates[0].public_key() if name == "client_cert" else None
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
