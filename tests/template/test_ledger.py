"""The ledger's table, which exists only where somebody wants it."""

from handler.report.telemetry import Metric
from ledger.item_keys import INDEX
from tests.template.stack import DEFAULT, WITH_LEDGER
from tests.template.template import properties
from tests.template.test_alarms import goes_off


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


def test_the_ledgers_alarm_exists_with_it_and_waits_a_quarter_of_an_hour() -> None:
    assert "LedgerFailuresAlarm" not in DEFAULT.resources
    alarm = WITH_LEDGER.properties("LedgerFailuresAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        "KlaviyoDestination",
        Metric.LEDGER_FAILURES.value,
    )
    failures = [(60.0 * minute, 1.0) for minute in range(60)]
    assert goes_off(alarm, {"LedgerFailures": failures}) == 900.0
    short = {"LedgerFailures": failures[:10]}
    assert goes_off(alarm, short) is None, "one call, or a short trouble"


def test_the_dashboard_shows_what_the_ledger_could_not_read_or_write() -> None:
    assert '"LedgerFailures"' in properties("Dashboard")["DashboardBody"]["Fn::Sub"]
