"""Who a message is about: e-mail address, external id, phone number, exchange id."""
