"""What was decided and what came of it: SQLite in one file, or PostgreSQL, through SQLAlchemy Core and Alembic."""
