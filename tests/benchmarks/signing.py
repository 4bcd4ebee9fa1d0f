"""A key that signs webhooks as RealtimeKit does."""

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Signer:
    """A key; the API is to be given its public half."""

    def __init__(self, pem: bytes | None = None) -> None:
        """Take the key of `pem`, or make one.

        It is half as long as RealtimeKit's, because signing shares the machine with what is measured.
        """
        if pem is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        else:
            key = serialization.load_pem_private_key(pem, None)
            assert isinstance(key, rsa.RSAPrivateKey)
            self._key = key

    @property
    def pem(self) -> bytes:
        """The key itself, for another process."""
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._key.private_bytes(*form)

    @property
    def public_key(self) -> str:
        """The public half, in PEM."""
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(*form).decode()

    def sign(self, body: bytes) -> str:
        """Return the signature header of a body."""
        return base64.b64encode(self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
