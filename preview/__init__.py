"""What Segment messages would become in Klaviyo, and why: nothing is sent, nothing is needed.

For people, who look at it in the console or on the command line; never packaged. It asks the real
door, the real mapping and the client's own planning, so that it says what they would do.
"""

from preview.advice import ADVICE, Advice
from preview.explaining import explain
from preview.model import (
    MappingVerdict,
    MessagePreview,
    Preview,
    RequestPreview,
    Source,
    Trace,
    WayOut,
)
from preview.offers import Offer, offers
from preview.reading import UnreadableText, read
from preview.writing import offer_to_json, to_json

__all__ = [
    "ADVICE",
    "Advice",
    "MappingVerdict",
    "MessagePreview",
    "Offer",
    "Preview",
    "RequestPreview",
    "Source",
    "Trace",
    "UnreadableText",
    "WayOut",
    "explain",
    "offer_to_json",
    "offers",
    "read",
    "to_json",
]
