"""Alembic's entry: migrate over the connection, and within the transaction, that `service.database.schema` gives."""

from alembic import context

from service.database.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
