"""Read by Alembic: runs the migrations over the connection it is given, within the transaction that is under way."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
