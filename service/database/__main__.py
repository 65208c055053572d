"""`python -m service.database`: bring the schema of ISL_DATABASE_URL up to date, as the service does at its start."""

import os
import sys

from service.database.engine import open_database
from service.database.schema import upgrade
from service.errors import IslError
from service.settings import load_settings, settings_or_exit


def main() -> int:
    """Migrate and say where it ended; 1 when the database cannot be reached."""
    database = open_database(settings_or_exit(os.environ, load_settings).isl_database_url.get_secret_value())
    try:
        revision = upgrade(database)
    except IslError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    finally:
        database.close()
    sys.stdout.write(f"the schema is at revision {revision}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
