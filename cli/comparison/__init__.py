"""`compare`: what an archive of messages would become, beside what a Klaviyo account has."""
