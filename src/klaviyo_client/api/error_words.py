"""The words of Klaviyo's error texts that name no person: what may stand in logs and answers.

Whatever is not here is masked (`redaction.py`). A missing word makes a text a little harder to
understand, and the dead-letter queue has the whole text. A word too many could be a name.
"""

FIELD_NAMES = """
    address1 address2 anonymous_id append attributes backfill channel city client company_id
    confirmed_at consent consented_at consented_timestamp country created custom_source data
    datetime detail double_opt_in email events events-bulk-create external_id filter first_name
    historical_import id image include ip ItemNames ItemPrice items job_id kx last_name latitude
    list list_id lists locale location longitude marketing meta method metric mobile_push name
    opt_in_process order_id OrderId organization page patch_properties phone phone_number
    ProductID products profile profile_id profiles properties quantity region relationships
    service sku sms source status_code subscription subscriptions time timestamp timezone title
    transactional type unappend unique_id unset updated url uuid value value_currency whatsapp
    zip
"""
"""Of Klaviyo's API, and what the mapping writes into an event. OpenAPI, 2026-10-15."""

ERROR_WORDS = """
    a about acceptable accepted access account action active after against age all allowed
    already also although an and another any api application applied are array arrays as at
    attempt attribute authentication authorization available back bad batch be because been
    before being belong belongs between beyond blank bodies body bool boolean both bulk but by
    bytes call calls can cannot cap case changed changes channels char character characters
    choice choices closed code codes combination come comes compliance configured confirmed
    conflict conflicts consents contain contains content could countries create created creating
    credentials currencies currency currently date day days decimal deep default delete deleted
    denied depth deserialize detected dictionary did different digits disabled do document does
    domain double due duplicate duplicated duplicates each either element elements empty enabled
    encoded encoding end ended endpoint enough entered entity entries entry equal error errors
    event exactly exceed exceeded exceeds exist existing exists expected expired external fail
    failed fails false feature few field fields file first float for forbidden form format
    formats formatted found from full future general get given global got greater had has have
    header headers here hour hours http identifier identifiers identity ids if ignored import
    imported imports in include included incorrect info input instead int integer integers
    internal into invalid is isn iso it item its job jobs join json kb keep key keys kilobytes
    klaviyo landline last later least left length less letters level levels like limit limits
    line list lists long longer longest made malformed many mapping match matches max maximum
    may mb me media members membership merge merged merging message messages metric metrics min
    minimum minute minutes missing more most multiple must name named names nested nesting new
    next no non none nor not nothing null number numbers numeric object objects of off old
    omitted on once one only open operation operations operator opt opted option optional
    options or order other our out over own page pages parameter parameters parse parsed part
    parts past patch path payload per percent permission permissions phones please point pointer
    points positive post present previous privacy private process processed processing properly
    property provide provided public push put query queue range rate rather reached read reason
    received record records refused regex regions register registered reject rejected
    relationship remaining removed repeated request requested requests require required requires
    resource resources retry revision right sandbox schema scope scopes second seconds see send
    sending sent separate server service set settings shorter should similar single size slow
    slowly so some specified specify start started state status still string strings subscribe
    subscribed subscriber subscribing such supplied support supported suppressed suppression
    take taken text texts than that the their them then there these they this those throttled
    through thus times to together token too total true try twice two types unable unauthorized
    under unexpected unique unknown unless unprocessable unrecognised unrecognized unsubscribe
    unsubscribed unsupported until updated updates upload upper use used user users uses using
    utc utf valid validate validated validation values version via violates was way week were
    what when where which while who whole will with within without words would write written
    wrong year years you your zero zone
"""
"""https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling, and texts that Klaviyo was
recorded to answer."""

NUMBERED = """
    bytes character characters days digits elements events hours items kb kilobytes levels mb
    minutes profiles properties second seconds times years
"""
"""Nouns that a number may stand before; any other number may be personal."""


def _parts(words: str) -> frozenset[str]:
    """The words, and the parts of those that are several (`first_name`), in lower case."""
    whole = words.lower().split()
    separated = " ".join(whole).replace("_", " ").replace("-", " ").split()
    return frozenset((*whole, *separated))


WORDS = _parts(FIELD_NAMES) | _parts(ERROR_WORDS)
UNITS = _parts(NUMBERED)
