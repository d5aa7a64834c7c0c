"""The ledger: what happened to every message, in one DynamoDB table. Imported only if it is on.

It takes and returns plain values, and knows neither HTTP nor the client nor the mapping.

- `allowance.Allowance`: the time that one call may spend on the ledger (300 ms in all), and what
  failed. Make one for each call, and pass it to every method of the table.
- `table.Table`: `read` (100 keys a request), `write` (25 items a request), `change` (conditional
  updates, side by side), `query`. None of them raises; failures are counted in the allowance.
  A missing answer is not the same as "there is no such item".
- `swaps`: replaces items that nobody has changed meanwhile, many in one request.
- `people.People(key)`: `hash(name, value)` of one identifier, `hashes(keys)` of several.
- `item_keys`: every kind of key in the table. Begin a new kind there.
- `fates`: the events of a message; `operation_names`: what its operations are called in them;
  `shared_outcomes`: one outcome for most messages of a call.
- `stories`: what happened to a message, and the state that its events add up to.
- `forgetting`: finds and deletes what the table has of a person.
- `calls` and `values`: requests to DynamoDB, and values as it writes them.

An item is a flat or nested `dict` of texts, numbers, booleans, lists and objects. `pk` and `sk`
name it, and `expires` is set by the table. Times are Unix seconds.
"""
