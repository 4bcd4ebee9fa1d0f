"""The API's address and key. A key is never an argument, because everybody on a machine can read command lines."""

from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.cli.daily.client import Access, Api
from orchestrator.errors import Unusable
from orchestrator.process_settings import Process, read
from orchestrator.runtime.ports import url_of
from orchestrator.settings import Settings


def connect(url: str, key_file: Path | None, patience_seconds: float) -> Api:
    """Connect to the API at `url` or where the settings say. Raises Unusable without a usable address and key."""
    settings = read(Process.DAILY)
    address = (url or settings.breakouts_api_url or url_of(settings.host, settings.port)).rstrip("/")
    if not _is_address(address):
        raise Unusable("--api or BREAKOUTS_API_URL is no address: say http://HOST:PORT or https://HOST")
    key, key_from = _key(settings, key_file)
    if not key.isascii() or not key.isprintable() or " " in key or not key:
        raise Unusable(f"{key_from} holds no API key")
    return Api(Access(address, key, key_from, patience_seconds))


def _is_address(url: str) -> bool:
    """Whether `url` can be called. A user name in it is refused, because it is useless here and would be printed."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:  # an invalid port
        return False


def _key(settings: Settings, key_file: Path | None) -> tuple[str, str]:
    """Return the key and where it was found."""
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
