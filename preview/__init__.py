"""What Segment messages would become in Klaviyo, and why. Sends nothing and needs no account.

The console and the command line show it to people; it is not deployed. It runs the real door, the
real mapping and the client's own planning, so it shows what they would do.
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
