"""REALTIMEKIT_WEBHOOK_PUBLIC_KEY: the RSA key with which RealtimeKit signs its webhooks, as PEM."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


@lru_cache(maxsize=4)
def rsa_key(pem: str) -> "RSAPublicKey":
    """Read an RSA key from its PEM; ValueError for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow, and only the API needs it
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - the same

    try:
        key = serialization.load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("RealtimeKit signs with RSA, and this is another kind of key")  # noqa: TRY004 - its content
    return key


def with_line_breaks(pem: str) -> str:
    r"""Return a key in which `\n` stands for a line break, as where a variable has one line. ValueError: it is none."""
    lines = pem.replace("\\r", "").replace("\\n", "\n")
    try:
        rsa_key(lines)
    except ValueError:
        words = r"must be an RSA public key as PEM (-----BEGIN PUBLIC KEY-----…), with line breaks or \n"
        raise ValueError(words) from None
    return lines
