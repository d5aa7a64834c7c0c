// The requests to Klaviyo, a page at a time; each can be folded away.
import { ask } from "../api.js";
import { html, useState } from "../dom.js";
import { JsonView, Sources } from "../json-view.js";
import { Copy, Pager, Said } from "../parts.js";
import { counted } from "../words.js";
import { question } from "./computing.js";

const REQUESTS = 20;
const NARROW = "(max-width: 960px)";

export function Requests({ requests, total, first, isOneOfMany, isTraced, draft, onFirst }) {
  // On a phone several requests are folded, so that the settings below stay within reach.
  const isFolded = total > 1 && matchMedia(NARROW).matches;
  return html`
    ${total > 0 && isTraced && html`<p class="aside">Beside each value is the key of the message
      that it comes from.</p>`}
    ${requests.map((request) => html`<${Request} key=${`${request.number} ${request.path}`}
      request=${request} isOneOfMany=${isOneOfMany} isFolded=${isFolded} draft=${draft} />`)}
    <${Pager} what="requests" first=${first} size=${REQUESTS} total=${total} onFirst=${onFirst} />`;
}

function Request({ request, isOneOfMany, isFolded, draft }) {
  const [isOpen, setIsOpen] = useState(!isFolded);
  const { number, title, method, path, body, after, note, items, messages } = request;
  const withMessages = request.number_of_messages > 1;
  const { "": ofPath, ...ofBody } = request.traces;
  const traces = new Map(Object.entries(ofBody));
  const whole = async () => {
    const isWhole = !Object.keys(request.left_out).length;
    const answer = isWhole
      ? { body } : await ask("/api/preview/body", { ...question(draft), request: number });
    return JSON.stringify(answer.body, null, 2);
  };
  return html`<section class="card request" aria-labelledby=${`request-${number}`}>
    <div class="card-head">
      <h2 id=${`request-${number}`}><span class="row-number">${number}</span> ${title}${
        about(body)}</h2>
      <span class="head-buttons">
        ${body !== null && html`<${Copy} text=${whole} label="Copy body" />`}
        ${body !== null && html`<button type="button" class="quiet" aria-expanded=${isOpen}
          onClick=${() => setIsOpen(!isOpen)}>${isOpen ? "Fold" : "Show"}</button>`}
      </span>
    </div>
    <p class="endpoint"><span class="method">${method}</span> <code>${path}</code>${
      ofPath && html` <${Sources} sources=${ofPath} withMessages=${withMessages} />`}</p>
    ${isOneOfMany && messages.length > 0 && html`<p class="aside">From ${
      messages.length === 1 ? `message ${messages[0]}`
        : `messages ${listed(messages, request.number_of_messages)}`}${
      items > 1 && `, ${counted(items, "item", "items")}`}.</p>`}
    ${(after || note) && html`<p class="aside">${after && `Follows request ${after}, once that has its answer. `}${note}</p>`}
    ${body !== null && isOpen && html`<${JsonView} value=${body} traces=${traces} label="Body"
      withMessages=${withMessages} leftOut=${request.left_out} />`}
  </section>`;
}

// The event's name, where the request is about one.
function about(body) {
  const name = body?.data?.attributes?.metric?.data?.attributes?.name;
  return name ? html`: <${Said} text=${name} />` : "";
}

const listed = (numbers, total) => (total <= 6
  ? `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`
  : `${numbers.slice(0, 5).join(", ")} and ${total - 5} more`);
