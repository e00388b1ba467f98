"""Changes rows of Iceberg tables in place: UPDATE, DELETE and MERGE."""

from localaws.athena.changes.row_changes import change_rows

__all__ = ["change_rows"]
