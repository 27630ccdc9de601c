"""Which revision the tables are of: looked at when a journal is opened, brought up to date by ``upgrade``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from bridge import packaged
from bridge.store.engine import connect, for_writing
from bridge.store.failures import UPGRADE, SchemaMismatch, as_unavailable, mismatch

EMPTY = "empty"
"""What ``upgrade`` calls a database without tables of ours."""
_UPGRADE_LOCK = 0x71DEB21D6E


def upgrade(url: str, *, timeout_s: float = 30.0) -> tuple[str, str]:
    """Bring the tables at *url* to this version's revision, in one transaction; return the revisions (from, to)."""
    engine = connect(url, timeout_s=timeout_s)
    try:
        with as_unavailable(engine.url), for_writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
            return _upgrade(connection)
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> None:
    """Raise SchemaMismatch unless the tables are of the revision that this version needs."""
    found = None if _is_new_file(engine) else _found(engine)
    scripts = ScriptDirectory.from_config(_config())
    wanted = scripts.get_current_head()
    if found == wanted:
        return
    if found is None:
        raise mismatch(engine.url, "its tables are missing", UPGRADE)
    if found in {script.revision for script in scripts.walk_revisions()}:
        raise mismatch(engine.url, f"its tables are of revision {found}, older than {wanted}", UPGRADE)
    raise _too_new(engine, found)


def _found(engine: Engine) -> str | None:
    with as_unavailable(engine.url), engine.connect() as connection:
        return _revision(connection)


def _is_new_file(engine: Engine) -> bool:
    """Say whether SQLite would make a file by being opened; looking must not."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return False
    file = Path(engine.url.database)
    try:
        return file.parent.is_dir() and not file.exists()
    except OSError:
        return False


def _upgrade(connection: Connection) -> tuple[str, str]:
    """Run the revisions that are missing, on a connection inside a transaction."""
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise _too_new(connection.engine, before or EMPTY) from error
    return before or EMPTY, _revision(connection) or EMPTY


def _too_new(engine: Engine, found: str) -> SchemaMismatch:
    """Say that a newer version was here."""
    remedy = f"install the Tidebridge that made them, or a newer one; then {UPGRADE}"
    return mismatch(engine.url, f"its tables are of revision {found}, unknown to this version", remedy)


def _revision(connection: Connection) -> str | None:
    """Return the revision that the tables are of."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    """Configure alembic without a file; a percent sign in a path isn't an interpolation."""
    config = Config()
    config.set_main_option("script_location", str(packaged.path("migrations")).replace("%", "%%"))
    return config
