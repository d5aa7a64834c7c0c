// Live: what comes in, what waits, and what Klaviyo holds.
import { html } from "../dom.js";
import { DeadLetters } from "./dead-letters.js";
import { Holdings } from "./holdings.js";
import { Messages } from "./messages.js";
import { Queue } from "./queue.js";

export function Live({ start, state, refresh }) {
  return html`<div class="columns">
    <div class="column wide">
      <${Messages} start=${start} state=${state} />
    </div>
    <div class="column">
      <${Queue} state=${state} start=${start} refresh=${refresh} />
      <${DeadLetters} start=${start} state=${state} refresh=${refresh} />
    </div>
  </div>
  <${Holdings} start=${start} state=${state} />`;
}
