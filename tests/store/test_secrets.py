"""The vault of tokens: the newest secret seals, every secret opens, and what none opens counts as absent."""

import hmac

import pytest

from orchestrator.store.secrets import TokenVault, subkey

SEALED_BY_OLD = TokenVault(["old"]).seal("token")
SEALED_BY_NEW = TokenVault(["new"]).seal("token")
SEALED_BY_BOTH = TokenVault(["new", "old"]).seal("token")

OPENS: dict[str, tuple[list[str], str | None, str | None]] = {
    "its own": (["old"], SEALED_BY_OLD, "token"),
    "the newest of two": (["new", "old"], SEALED_BY_NEW, "token"),
    "the oldest of two": (["new", "old"], SEALED_BY_OLD, "token"),
    "the newest seals": (["new"], SEALED_BY_BOTH, "token"),
    "the oldest does not seal": (["old"], SEALED_BY_BOTH, None),
    "an unknown secret": (["other"], SEALED_BY_OLD, None),
    "garbage": (["old"], "garbage", None),
    "nothing": (["old"], "", None),
    "a cut token": (["old"], SEALED_BY_OLD[:-4], None),
    "no token": (["old"], None, None),
}


@pytest.mark.parametrize(("secrets", "sealed", "token"), OPENS.values(), ids=OPENS)
def test_open(secrets: list[str], sealed: str | None, token: str | None) -> None:
    assert TokenVault(secrets).open(sealed) == token


@pytest.mark.parametrize("token", ["", "token", "ünï ✓", "x" * 5000], ids=["empty", "plain", "unicode", "long"])
def test_what_is_sealed_opens_again_and_shows_nothing(token: str) -> None:
    vault = TokenVault(["secret"])
    sealed = vault.seal(token)
    assert vault.open(sealed) == token
    assert sealed.isascii()
    assert not token or token not in sealed


def test_the_same_token_is_never_sealed_alike() -> None:
    vault = TokenVault(["secret"])
    assert vault.seal("token") != vault.seal("token")


def test_a_subkey_stands_for_one_secret_and_one_purpose() -> None:
    keys = [subkey(secret, purpose) for secret in ("a", "b") for purpose in ("stored tokens", "titles")]
    assert [len(key) for key in keys] == [32] * 4
    assert len(set(keys)) == 4
    assert subkey("a", "titles") == keys[1]


@pytest.mark.parametrize("purpose", ["stored tokens", "titles"])
def test_a_subkey_is_what_rfc_5869_says_so_that_every_version_opens_what_another_has_sealed(purpose: str) -> None:
    extracted = hmac.digest(bytes(32), b"secret", "sha256")
    assert subkey("secret", purpose) == hmac.digest(extracted, f"breakouts/{purpose}".encode() + b"\x01", "sha256")
