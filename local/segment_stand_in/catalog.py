"""What Segment's catalog says of Webhooks (Actions).

Id and fields: https://github.com/segmentio/action-destinations, destinations/webhook; the action's
id comes from workspaces that were exported for Terraform.
"""

from typing import Any

WEBHOOKS_ACTIONS = "614a3c7d791c91c41bae7599"
ACTION_ID = "nFPnRozhz1mh4Gbx4MLvT5"

LOGOS = {"default": "https://cdn.example/logo.svg", "mark": None, "alt": None}


def _field(key: str, kind: str, order: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"field-{key}",
        "sortOrder": order,
        "fieldKey": key,
        "label": key.replace("_", " ").title(),
        "type": kind,
        "description": "",
        "required": False,
        "multiple": False,
        "dynamic": False,
        "allowNull": False,
        **more,
    }


METADATA: dict[str, Any] = {
    "id": WEBHOOKS_ACTIONS,
    "name": "Webhooks (Actions)",
    "description": "Submit real-time user data to your own HTTP endpoints.",
    "slug": "actions-webhook",
    "logos": LOGOS,
    "options": [
        {
            "name": "sharedSecret",
            "type": "string",
            "required": False,
            "label": "Shared Secret",
            "description": "Signs the requests.",
        }
    ],
    "status": "PUBLIC",
    "previousNames": [],
    "categories": ["Raw Data"],
    "website": "https://segment.com",
    "components": [],
    "supportedFeatures": {"replay": True},
    "supportedMethods": {"identify": True, "track": True, "group": True, "alias": True},
    "supportedPlatforms": {"browser": True, "server": True, "mobile": True},
    "actions": [
        {
            "id": ACTION_ID,
            "slug": "send",
            "name": "Send",
            "description": "Send an HTTP request.",
            "platform": "CLOUD",
            "hidden": False,
            "defaultTrigger": None,
            "fields": [
                _field("url", "STRING", 0, required=True),
                _field("method", "STRING", 1, required=True, defaultValue="POST"),
                _field("batch_size", "NUMBER", 2, defaultValue=0),
                _field("headers", "OBJECT", 3),
                _field("data", "OBJECT", 4, defaultValue={"@path": "$."}),
                _field("enable_batching", "BOOLEAN", 5),
            ],
        }
    ],
    "presets": [],
}

SOURCE_METADATA: dict[str, Any] = {
    "id": "IqDTy1TpoU",
    "name": "Javascript",
    "slug": "javascript",
    "description": "",
    "logos": LOGOS,
    "options": [],
    "categories": ["Website"],
    "isCloudEventSource": False,
}
