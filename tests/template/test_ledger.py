"""The ledger's table, which exists only where somebody wants it."""

from ledger.keys import INDEX
from tests.template.stack import DEFAULT, WITH_LEDGER


def test_the_ledgers_table_exists_only_where_it_is_asked_for() -> None:
    assert "LedgerTable" not in DEFAULT.resources
    assert "LedgerTableName" not in DEFAULT.outputs
    assert DEFAULT.properties("WebhookFunction")["Environment"]["Variables"]["LEDGER_TABLE"] == ""
    assert WITH_LEDGER.outputs["LedgerTableName"] == {"Ref": "LedgerTable"}


def test_the_ledgers_table_is_paid_by_request_encrypted_expires_and_can_be_restored() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"""
    table = WITH_LEDGER.properties("LedgerTable")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert [each["IndexName"] for each in table["GlobalSecondaryIndexes"]] == [INDEX]
