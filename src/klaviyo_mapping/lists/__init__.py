"""Lists, audiences and consent: who joins, who leaves, who agreed."""
