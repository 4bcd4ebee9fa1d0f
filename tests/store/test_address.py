"""DATABASE_URL means what libpq's documentation says, or is refused with a sentence."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from orchestrator.database_address import secrets_in, shown
from orchestrator.runtime.ports import free_port
from orchestrator.settings import Settings
from orchestrator.store.revision import Standing, revision_of, standing
from orchestrator.store.trouble import DatabaseUnavailable
from tests.support.databases import engine_of
from tests.support.postgres import Postgres

FORMS = {
    "a URL": "postgresql://postgres@127.0.0.1:{port}/{name}",
    "the short scheme": "postgres://postgres@127.0.0.1:{port}/{name}",
    "SQLAlchemy's scheme": "postgresql+psycopg://postgres@127.0.0.1:{port}/{name}",
    "all in the query": "postgresql:///?host=127.0.0.1&port={port}&dbname={name}&user=postgres",
    "keys and values": "host=127.0.0.1 port={port} dbname='{name}' user=postgres",
    "a socket": "postgresql:///{name}?host={socket}&port={port}&user=postgres",
    "a socket as host": "postgresql://postgres@{quoted}:{port}/{name}",
    "several hosts": "postgresql://postgres@127.0.0.1:{closed},127.0.0.1:{port}/{name}",
    "several hosts, the one to write": "host=127.0.0.1,127.0.0.1 port={closed},{port} dbname={name} user=postgres"
    " target_session_attrs=read-write",
    "TLS if there is any": "postgresql://postgres@127.0.0.1:{port}/{name}?sslmode=prefer",
    "a file of passwords": "postgresql://postgres@127.0.0.1:{port}/{name}?passfile={folder}/pgpass",
    "a service": "service=ours",
    "a service in a URL": "postgresql:///?service=ours",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_of_libpq_leads_to_the_database(
    form: str, postgres: Postgres, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, port = postgres.socket
    name = postgres_url.rpartition("/")[2]
    (tmp_path / "services").write_text(f"[ours]\nhost=127.0.0.1\nport={port}\ndbname={name}\nuser=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    values = {"name": name, "port": port, "socket": socket, "quoted": str(socket).replace("/", "%2F")}
    engine = engine_of(form.format(**values, closed=free_port(), folder=tmp_path))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == name
        assert standing(revision_of(connection)) is Standing.CURRENT
    engine.dispose()


def test_what_the_address_says_is_never_overruled(postgres_url: str) -> None:
    said = "?application_name=theirs&connect_timeout=77&options=-c%20statement_timeout%3D123000%20-c%20geqo%3Doff"
    engine = engine_of(postgres_url + said)
    with engine.connect() as connection:
        asked = (
            "SELECT current_setting('application_name'), current_setting('statement_timeout'), current_setting('geqo')"
        )
        assert connection.execute(text(asked)).one() == ("theirs", "123s", "off")
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "3s"
        driver: Any = connection.connection.driver_connection
        assert driver.info.get_parameters()["connect_timeout"] == "77"
    engine.dispose()


def test_the_server_is_told_who_we_are(postgres_url: str) -> None:
    engine = engine_of(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW application_name")).scalar_one() == "breakouts"
    engine.dispose()


def test_of_several_hosts_the_one_that_can_be_written_is_taken(postgres: Postgres, postgres_url: str) -> None:
    _, port = postgres.socket
    url = postgres_url.replace(f":{port}/", f":{free_port()},127.0.0.1:{port}/")
    postgres.set(postgres_url, "default_transaction_read_only", "on")
    engine = engine_of(url)
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        engine.connect()
    postgres.set(postgres_url, "default_transaction_read_only", "off")
    with engine.connect() as connection:
        assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "off"
    engine.dispose()


@pytest.mark.parametrize(
    "address",
    [
        "mysql://x:hush@y/z",
        "postgresql+psycopg2://x:hush@y/z",
        "postgresql://x:hush%ZZ@y/z",
        "postgresql://x:hush@y/z?sslmod=require",
        "host=y password=hush sslmod=require",
        "y:5432",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///",
    ],
)
def test_an_address_that_leads_nowhere_is_refused_with_what_is_possible(address: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(database_url=address, _env_file=None)
    said = str(caught.value)
    assert "database_url" in said
    assert "use postgresql://" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgres://ann:hush@db.example/ours", "postgresql://ann@db.example/ours"),
        ("host=a,b port=1,2 user=ann password=hush dbname=ours", "postgresql://ann@a:1,b:2/ours"),
        (
            "postgresql://ann@[::1]:5/ours?sslpassword=hush&sslmode=require",
            "postgresql://ann@[::1]:5/ours?sslmode=require",
        ),
        ("postgresql:///ours?host=/run/db", "postgresql://%2Frun%2Fdb/ours"),
        ("sqlite:////var/ours.db", "sqlite:////var/ours.db"),
    ],
)
def test_an_address_is_shown_without_its_passwords(address: str, expected: str) -> None:
    checked = Settings(database_url=address, _env_file=None).database
    assert shown(checked) == expected
    assert secrets_in(checked) == ({"hush"} if "hush" in address else set())
