"""Looks whether Lake Formation has a say in who may use databases and tables."""

from __future__ import annotations

from sluice.cli.doctor.account import Account
from sluice.cli.doctor.checks import Finding, well

#: The group with which Lake Formation leaves all to IAM: https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html
_IAM = "IAM_ALLOWED_PRINCIPALS"


def lake_formation(account: Account) -> Finding:
    """Look at what a new database and a new table give to everybody whom IAM allows."""
    told = account.ask("lakeformation", "GetDataLakeSettings")["DataLakeSettings"]
    closed = [
        what
        for what, key in (
            ("databases", "CreateDatabaseDefaultPermissions"),
            ("tables", "CreateTableDefaultPermissions"),
        )
        if not any(each["Principal"]["DataLakePrincipalIdentifier"] == _IAM for each in told.get(key, ()))
    ]
    if not closed:
        return well("it leaves new databases and tables to IAM")
    return Finding(
        "failed",
        f"Lake Formation is in charge of new {' and '.join(closed)}: IAM alone lets no function use them",
        "a Lake Formation administrator either leaves them to IAM (its console, Data Catalog settings: both 'Use only "
        "IAM access control'), or grants the functions' roles after the first deployment: `aws lakeformation "
        "grant-permissions help`.",
    )
