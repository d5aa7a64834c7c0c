// The retry queue: how much is in it, when it is retried, and a button to retry now.
import { ask } from "../api.js";
import { html, useState } from "../dom.js";
import { Said, Tile } from "../parts.js";
import { counted, duration, kindOf, number } from "../words.js";
import { useFetched } from "./fetched.js";

const until = (at, now) => (at > now ? `in ${duration(at - now)}` : "now");

export function Queue({ state, start, refresh }) {
  const [news, setNews] = useState("");
  const [isOpen, setIsOpen] = useState(false);
  const { entries, since, next_at: nextAt, last_at: lastAt } = state.waiting;
  const tryNow = async () => {
    try {
      await ask("/api/try-now", {});
      setNews("All of it is retried now.");
      refresh();
    } catch (error) {
      setNews(error.message);
    }
  };
  return html`<section class="card" aria-labelledby="queue-title">
    <div class="card-head"><h2 id="queue-title">Retry queue</h2>
      ${entries > 0 && html`<button type="button" onClick=${tryNow}>Try now</button>`}</div>
    <dl class="tiles">
      <${Tile} label="Waiting" value=${number(entries)} tone=${entries ? "wait" : ""} />
      <${Tile} label="Longest wait" value=${since ? duration(state.now - since) : "–"} />
      <${Tile} label="Next try" value=${nextAt ? until(nextAt, state.now) : "–"} />
    </dl>
    <p role="status" class="news">${entries ? news : ""}</p>
    <p class="aside">${entries
      ? `What could not be delivered yet waits here, and so does a bulk import until Klaviyo knows its result. The last of it is due ${until(lastAt, state.now)}.`
      : "Empty: nothing waits."}</p>
    ${entries > 0 && html`<details open=${isOpen}
      onToggle=${(event) => setIsOpen(event.target.open)}>
      <summary>What is tried next</summary>
      ${isOpen && html`<${Next} now=${state.now} start=${start} />`}
    </details>`}
  </section>`;
}

function Next({ now, start }) {
  const { answer } = useFetched("/api/waiting", now);
  if (!answer) return html`<p class="aside">Looking …</p>`;
  return html`<ul class="rows letters" tabindex="0" aria-label="What is tried next">
    ${answer.entries.map((entry, index) => html`<li class="row" key=${index}><div class="row-head">
      <span>${kindOf(entry.kind)}</span>
      ${entry.message_ids.length > 1
        ? counted(entry.message_ids.length, "message", "messages")
        : html`<code><${Said} text=${entry.message_ids[0] || "without an id"} longest=${60} /></code>`}
      <span class="aside">${entry.attempts > 0 && `${counted(entry.attempts, "try", "tries")} so far, `}next ${
        until(entry.next_at, now)}</span>
    </div>${entry.reason && html`<span class="why">${
      start.advice[entry.reason]?.meaning || entry.reason}</span>`}</li>`)}
    ${answer.number > answer.entries.length && html`<li class="row aside">And ${
      number(answer.number - answer.entries.length)} more.</li>`}
  </ul>`;
}
