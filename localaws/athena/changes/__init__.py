"""Changes Iceberg tables in place: their rows by UPDATE, DELETE and MERGE, their files by OPTIMIZE and VACUUM."""

from localaws.athena.changes.compaction import optimize
from localaws.athena.changes.row_changes import change_rows
from localaws.athena.changes.vacuum import vacuum

__all__ = ["change_rows", "optimize", "vacuum"]
