"""The ledger: what happened to every message, in one DynamoDB table. Imported only when it is on.

Plain values come in and go out: the ledger knows neither HTTP nor the client nor the mapping.

- `allowance.Allowance`: what one call of a function may spend on the ledger (300 ms in all), and
  what failed of it. Make one for each call, pass it to every method of the table.
- `table.Table`: `read` (100 keys a request), `write` (25 items a request), `change` (conditional
  updates, side by side), `query`. None of them raises; what failed is counted in the allowance.
  A missing answer is kept apart from "there is no such item".
- `people.People(key)`: `hash(name, value)` of one identifier, `hashes(keys)` of several.
- `item_keys`: every kind of key in the table. Begin a new kind there.
- `fates`: the events of a message, and how they add up to where it is.

An item is a flat or nested `dict` of texts, numbers, booleans, lists and objects. `pk` and `sk`
name it, and `expires` is set by the table. Times are Unix seconds.
"""
