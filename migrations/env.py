"""Runs revisions on the connection that ``bridge.store.upgrade`` opened; knows no file and sets up no logging.

A new revision is written by hand; ``tests/store/test_migrations.py`` says what it still lacks.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
