// One opened message: its details, and its attempts since its arrival.
import { html } from "../dom.js";
import { Copy, Outcome, Said } from "../parts.js";
import { duration, timeOfDay } from "../words.js";
import { Story } from "./story.js";

export function Details({ line, look }) {
  return html`<div class="details">
    <dl class="facts">
      <div><dt>Message id</dt><dd>${line.message_id
        ? html`<code><${Said} text=${line.message_id} longest=${300} /></code> <${Copy}
            text=${() => line.message_id} label="Copy" />` : "none"}</dd></div>
      <div><dt>Came in</dt><dd>${timeOfDay(line.at)}</dd></div>
      <div><dt>Now</dt><dd><${Outcome} outcome=${line.outcome} />${line.ended_at
        && ` after ${duration(line.ended_at - line.at)}`}</dd></div>
      ${line.reason && html`<div><dt>Reason</dt><dd><code>${line.reason}</code></dd></div>`}
    </dl>
    ${line.message_id && html`<${Story} messageId=${line.message_id} look=${look} />`}
  </div>`;
}
