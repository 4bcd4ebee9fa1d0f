"""Keys derived from SECRET_KEY: for stored RealtimeKit tokens and client tokens."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def subkey(secret: str, purpose: str) -> bytes:
    """Derive 32 bytes for one purpose by HKDF-SHA256. One subkey reveals nothing about another."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"breakouts/{purpose}".encode())
    return kdf.derive(secret.encode())


class TokenVault:
    """Encrypts RealtimeKit tokens for the database. The first secret encrypts, and every secret decrypts."""

    def __init__(self, secrets: list[str]) -> None:
        keys = [base64.urlsafe_b64encode(subkey(secret, "stored tokens")) for secret in secrets]
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, token: str) -> str:
        """Encrypt a token for storage."""
        return self._fernet.encrypt(token.encode()).decode()

    def open(self, sealed: str | None) -> str | None:
        """Decrypt a token. None when there is none, or when no secret decrypts it: then it counts as absent."""
        if sealed is None:
            return None
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None
