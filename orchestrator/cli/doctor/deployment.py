"""Checks of settings and keys, and of the API."""

import httpx
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.parts import Parts
from orchestrator.errors import Unusable
from orchestrator.realtimekit.sdk import on_this_machine
from orchestrator.runtime.ports import url_of
from orchestrator.services.access.api_keys import by_hash
from orchestrator.settings import CLOUDFLARE

MIN_SECRET_KEY_CHARACTERS = 16
API_TIMEOUT_SECONDS = 5.0


def settings(parts: Parts) -> Verdict:
    """Check that every variable can be read."""
    home = parts.settings.breakouts_home.resolve()
    return ok(f"read; BREAKOUTS_HOME is {home}")


def secret_key(parts: Parts) -> Verdict:
    """Check that machines share a secret, because otherwise they can't read each other's tokens."""
    found = parts.settings
    given = [key.strip() for key in found.secret_key.get_secret_value().split(",") if key.strip()]
    advice = "set SECRET_KEY to a long random text, the same in every process"
    if any(len(key) < MIN_SECRET_KEY_CHARACTERS for key in given):
        return warning(f"shorter than {MIN_SECRET_KEY_CHARACTERS} characters", advice)
    if given:
        return ok("set" if len(given) == 1 else f"set, with {len(given) - 1} older ones")
    if found.realtimekit_base_url.startswith(CLOUDFLARE) or found.database_url or found.broker_url:
        return failed("not set: every machine would make its own under BREAKOUTS_HOME", advice)
    return ok("made under BREAKOUTS_HOME, which is enough for one machine")


def api_keys(parts: Parts) -> Verdict:
    """Check that there is a key for the API."""
    entries = [entry.strip() for entry in parts.settings.api_keys.get_secret_value().split(",") if entry.strip()]
    advice = (
        "make one with `breakouts keys create NAME --role operator`, or set API_KEYS (name:role:key, comma-separated)"
    )
    if entries:
        return ok(f"API_KEYS has {', '.join(entry.partition(':')[0] for entry in entries)}")
    own = parts.settings.breakouts_home / "operator.key"
    if own.exists():
        return ok(f"{own}, which `breakouts up` has made and uses")
    try:
        stored = sum(key.is_good for key in by_hash(parts.database).values())
    except (Unusable, SQLAlchemyError):
        return failed("API_KEYS has none, and the database can't be asked", advice)
    return ok(f"{stored} in the database") if stored else failed("none: nobody may call the API", advice)


def api(parts: Parts) -> Verdict:
    """Check that the API answers at the address that RealtimeKit and browsers use."""
    found = parts.settings
    url = found.public_url or url_of(found.host, found.port)
    try:
        answer = httpx.get(f"{url}/healthz", timeout=API_TIMEOUT_SECONDS, trust_env=not on_this_machine(url))
        answer.raise_for_status()
        status = answer.json()["status"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        words = f"{url}/healthz: {str(error) or type(error).__name__}"
        if found.public_url:
            return failed(words, "start `breakouts api`, and let PUBLIC_URL lead to it")
        return warning(words, "start `breakouts api`, or set PUBLIC_URL or HOST and PORT to where it runs")
    return ok(f"{url} says {status}")


CHECKS = (
    Check("settings", settings, advice="correct the variables that it names"),
    Check("SECRET_KEY", secret_key, ("settings",)),
    Check("API keys", api_keys, ("settings",)),
    Check("API", api, ("settings",)),
)
