"""The retry queue and the dead-letter queue: envelopes, delays, where an operation goes next."""
