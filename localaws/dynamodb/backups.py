"""Keeps a table that is deleted with point-in-time recovery on, as DynamoDB does, and restores tables.

moto forgets a deleted table, restores a table as it is now whatever moment is asked for, and gives it another billing.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html
"""

from __future__ import annotations

from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Backup
from moto.dynamodb.responses import DynamoHandler, DynamoResult

from localaws.moto_patches import original, replace

_ENABLED = "ENABLED"


def install() -> None:
    """Keep deleted tables and restore them as they were; safe to repeat."""
    replace(DynamoDBBackend, "delete_table", _delete_table)
    replace(DynamoDBBackend, "restore_table_from_backup", _restore_table_from_backup)
    replace(DynamoHandler, "list_backups", _list_backups)
    replace(DynamoHandler, "restore_table_to_point_in_time", _restore_table_to_point_in_time)


def _is_recoverable(table: Any) -> bool:
    recovery = table.continuous_backups["PointInTimeRecoveryDescription"]
    return bool(recovery["PointInTimeRecoveryStatus"] == _ENABLED)


def _delete_table(self: Any, name: str) -> Any:
    deleted = original(DynamoDBBackend, "delete_table")(self, name)
    if _is_recoverable(deleted):
        # DynamoDB keeps it for 35 days, under this name.
        kept = Backup(self.account_id, self.region_name, f"{deleted.name}$DeletedTableBackup", deleted, type_="SYSTEM")
        self.backups[kept.arn] = kept
    return deleted


def _list_backups(self: Any) -> Any:
    kind = self.body.get("BackupType") or "ALL"
    found = self.dynamodb_backend.list_backups(self.body.get("TableName"))
    return DynamoResult({"BackupSummaries": [each.summary for each in found if kind in ("ALL", each.type)]})


def _restore_table_from_backup(self: Any, target_table_name: str, backup_arn: str) -> Any:
    made = original(DynamoDBBackend, "restore_table_from_backup")(self, target_table_name, backup_arn)
    made.billing_mode = self.get_backup(backup_arn).table.billing_mode
    return made


def _restore_table_to_point_in_time(self: Any) -> Any:
    if self.body.get("RestoreDateTime") or not self.body.get("UseLatestRestorableTime"):
        raise MockValidationException(
            "localaws keeps no earlier state of a table, so that it restores no earlier moment: it does what "
            "UseLatestRestorableTime says, and nothing else."
        )
    source = self.dynamodb_backend.get_table(str(self.body.get("SourceTableName")))
    if not _is_recoverable(source):
        raise MockValidationException(f"Point in time recovery is not enabled for table '{source.name}'")
    answer = original(DynamoHandler, "restore_table_to_point_in_time")(self)
    self.dynamodb_backend.get_table(self.body["TargetTableName"]).billing_mode = source.billing_mode
    return answer
