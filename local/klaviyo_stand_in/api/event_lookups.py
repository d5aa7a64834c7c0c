"""Looking up events and metrics: what `get_events` and `get_metrics` answer.

https://developers.klaviyo.com/en/reference/get_events
https://developers.klaviyo.com/en/reference/get_metrics
"""

from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from local.klaviyo_stand_in.api import filters, resources
from local.klaviyo_stand_in.api.call import Call
from local.klaviyo_stand_in.protocol.exchange import Response

EVENT_FILTERS: Mapping[str, Sequence[str]] = {"profile_id": ("equals",), "metric_id": ("equals",)}
"""The documented filters that the stand-in supports."""

METRICS_ON_A_PAGE = 200


def get_events(call: Call) -> Response:
    """The events, newest last. Events of deleted profiles are not shown."""
    text = call.parameters.get("filter")
    chosen = None if text is None else filters.read(text, EVENT_FILTERS)
    ids = call.state.events.metrics
    found = [
        each
        for each in call.state.events.records()
        if call.state.profiles.get(each.profile_id) is not None
        and (
            chosen is None
            or chosen.admits(
                each.profile_id if chosen.field == "profile_id" else ids[each.metric].id
            )
        )
    ]
    page, following = call.page(found, default=200, most=1000)
    fields = call.fields("event")
    return call.many(
        [
            resources.event(
                each,
                str(uuid5(NAMESPACE_URL, f"{each.profile_id}/{each.metric}/{each.unique_id}")),
                ids[each.metric].id,
                call.origin,
                fields,
            )
            for each in page
        ],
        following,
    )


def get_metrics(call: Call) -> Response:
    """Every metric, 200 on a page."""
    listed = list(call.state.events.metrics.values())
    page, following = call.page(listed, default=METRICS_ON_A_PAGE, most=METRICS_ON_A_PAGE)
    fields = call.fields("metric")
    return call.many([resources.metric(each, call.origin, fields) for each in page], following)
