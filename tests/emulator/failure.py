"""How a step of the run ends that did not come out as it should."""


class Failure(Exception):  # noqa: N818 - the run's own word
    """A step did not come out as it should; the text says what was found."""
