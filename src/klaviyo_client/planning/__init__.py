"""Operations as the fewest requests that Klaviyo's limits allow."""
