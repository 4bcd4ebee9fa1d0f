"""Where the API is and which key to use; a key never stands on a command line, which everyone can read."""

from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.cli.breakout.client import Access, Api
from orchestrator.cli.failures import Unusable, read_settings
from orchestrator.cli.up import address
from orchestrator.settings import Settings


def connect(url: str, key_file: Path | None, patience_seconds: float) -> Api:
    """The API at `url`, or where the settings say. Raises Unusable without an address or a key that can be used."""
    settings = read_settings()
    found = (url or settings.breakouts_api_url or address(settings.host, settings.port)).rstrip("/")
    if not _is_address(found):
        raise Unusable("--api or BREAKOUTS_API_URL is no address: say http://HOST:PORT or https://HOST")
    key, key_from = _key(settings, key_file)
    if not key.isascii() or not key.isprintable() or " " in key or not key:
        raise Unusable(f"{key_from} holds no API key")
    return Api(Access(found, key, key_from, patience_seconds))


def _is_address(url: str) -> bool:
    """Whether it can be called; a name and password in it would be shown, and are of no use here."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:  # a port that is none
        return False


def _key(settings: Settings, key_file: Path | None) -> tuple[str, str]:
    """The key, and where it was found."""
    if key_file is not None:
        return _read(key_file)
    if given := settings.breakouts_api_key.get_secret_value().strip():
        return given, "BREAKOUTS_API_KEY"
    own = settings.breakouts_home / "operator.key"
    if own.exists():
        return _read(own)
    raise Unusable(f"no API key: set BREAKOUTS_API_KEY, or give --key-file FILE (there is no {own})")


def _read(path: Path) -> tuple[str, str]:
    try:
        return path.read_text().strip(), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {getattr(error, 'strerror', None) or 'no text'}") from None
