// What the messages become, and what other settings would change about them.
import { html } from "../dom.js";
import { Badge, Empty, Notice, Pager, Remedy, Said } from "../parts.js";
import { visible } from "../visible.js";
import { counted, number } from "../words.js";
import { Requests } from "./requests.js";

const MESSAGES = 20;

const VERDICTS = new Map([
  ["mapped", { word: "Goes to Klaviyo", tone: "good" }],
  ["dropped", { word: "Dropped", tone: "calm" }],
  ["rejected", { word: "Rejected", tone: "bad" }],
]);

export function Result({ answer, isEmpty, isWorking, start, draft, place, setPlace, onSetting }) {
  if (isEmpty) {
    return html`<${Empty} title="No message yet">
      Choose a sample, or paste one message or an array of messages, as Segment sends them.
    <//>`;
  }
  return html`
    <p class=${`working ${isWorking ? "" : "over"}`} role="status">${isWorking ? "Working …" : ""}</p>
    <div class=${`column ${isWorking ? "old" : ""}`} inert=${isWorking && Boolean(answer)}>
      <${Answered} answer=${answer} start=${start} draft=${draft} place=${place} setPlace=${setPlace}
        onSetting=${onSetting} />
    </div>`;
}

function Answered({ answer, start, draft, place, setPlace, onSetting }) {
  if (!answer) return null;
  if (answer.error) {
    return html`<${Empty} title="This cannot be read yet">
      When the JSON is valid, this shows what it becomes.
    <//>`;
  }
  if (answer.settings) {
    return html`<${Empty} title="A setting cannot be read">
      See the field marked under Settings.
    <//>`;
  }
  const { messages, requests, number: numbers, verdicts, is_traced: isTraced } = answer.preview;
  return html`
    <div class="summary-row">
      <p class="summary" role="status">
        <strong>${counted(numbers.messages, "message", "messages")}</strong>${" "}
        <span class="summary-arrow">→</span>${" "}
        <strong>${numbers.requests
          ? counted(numbers.requests, "request to Klaviyo", "requests to Klaviyo")
          : "nothing for Klaviyo"}</strong>
      </p>
      <span class="aside">Nothing is sent. <a class="to-settings" href="#preview" onClick=${toSettings}>Settings ↓</a></span>
    </div>
    ${numbers.messages > 1 && html`<p class="aside">${[...VERDICTS].filter(([key]) => verdicts[key])
      .map(([key, { word }]) => `${word}: ${number(verdicts[key])}`).join(" · ")}</p>`}
    <${Messages} messages=${messages} total=${numbers.messages} first=${place.message} start=${start}
      onSetting=${onSetting} onFirst=${(message) => setPlace({ ...place, message })} />
    ${!isTraced && numbers.requests > 0 && html`<${Notice}>
      <p>This is too much to trace every value. Paste fewer messages to see where each value comes
      from.</p>
    <//>`}
    <${Requests} requests=${requests} total=${numbers.requests} first=${place.request}
      isOneOfMany=${numbers.messages > 1} draft=${draft} isTraced=${isTraced}
      onFirst=${(request) => setPlace({ ...place, request })} />`;
}

function toSettings(event) {
  event.preventDefault();
  const title = document.getElementById("settings-title");
  title.scrollIntoView({ block: "start" });
  title.focus();
}

function Messages({ messages, total, first, start, onSetting, onFirst }) {
  if (total === 1 && messages.length === 1) {
    const [message] = messages;
    return html`<${Verdict} message=${message} start=${start} onSetting=${onSetting} />
      <${Offers} message=${message} start=${start} onSetting=${onSetting} />`;
  }
  return html`<section class="card" aria-labelledby="messages-title">
    <div class="card-head"><h2 id="messages-title">Messages</h2></div>
    <ol class="rows">
      ${messages.map((message) => html`<li class="row" key=${message.number}>
        <div class="row-head">
          <span class="row-number">${message.number}</span>
          <span class="row-title"><${Title} message=${message} /></span>
          ${message.requests.length > 0 && html`<span class="aside">${
            message.requests.length === 1 ? "request" : "requests"} ${message.requests.join(", ")}</span>`}
          <${VerdictBadge} message=${message} />
        </div>
        <${Verdict} message=${message} start=${start} onSetting=${onSetting} />
        <${Special} offers=${message.offers.filter((each) => each.is_special && !each.lets_through)}
          start=${start} onSetting=${onSetting} />
      </li>`)}
    </ol>
    <${Pager} what="messages" first=${first} size=${MESSAGES} total=${total} onFirst=${onFirst} />
  </section>`;
}

function Title({ message }) {
  if (!message.type) return "Not a message";
  return html`<${Said} text=${message.type} />${message.event_name && html` · <${Said}
    text=${message.event_name} />`}`;
}

function VerdictBadge({ message }) {
  const { word, tone } = VERDICTS.get(message.verdict);
  return html`<${Badge} tone=${tone}>${word}<//>`;
}

// Why a message is dropped or rejected, and how to change that; otherwise its warnings.
function Verdict({ message, start, onSetting }) {
  const { reason, warnings, offers, field, detail } = message;
  if (!reason && !warnings.length) return null;
  if (!reason) {
    return warnings.map((warning) => html`<${Notice} key=${warning.meaning} tone="warn"
      title=${warning.meaning}><p><${Remedy} text=${warning.remedy} /></p>
      <p class="code-of"><code>${warning.code}</code></p><//>`);
  }
  const isDropped = message.verdict === "dropped";
  return html`<${Notice} tone=${isDropped ? "calm" : "bad"}
    title=${`${isDropped ? "Dropped" : "Rejected"}: ${reason.meaning}`}>
    ${detail && html`<p>${field ? html`<code>${visible(field)}</code> ` : ""}${visible(detail)}.</p>`}
    <p><span class="what-to-do">What to do:</span> <${Remedy} text=${reason.remedy} /></p>
    ${offers.map((offer) => html`<${OfferLine} key=${offer.setting} offer=${offer} start=${start}
      onSetting=${onSetting} />`)}
    <p class="code-of"><code>${reason.code}</code></p>
  <//>`;
}

// What other settings would change: those specific to this message, and the rest folded.
function Offers({ message, start, onSetting }) {
  if (message.verdict !== "mapped") return null;
  const general = message.offers.filter((offer) => !offer.is_special);
  return html`<${Special} offers=${message.offers.filter((offer) => offer.is_special)} start=${start}
      onSetting=${onSetting} />
    ${general.length > 0 && html`<details class="more-offers">
      <summary>${counted(general.length, "more setting", "more settings")} would change any message
        like it</summary>
      ${general.map((offer) => html`<${OfferLine} key=${offer.setting} offer=${offer}
        start=${start} onSetting=${onSetting} />`)}
    </details>`}`;
}

function Special({ offers, start, onSetting }) {
  if (!offers.length) return null;
  return html`<${Notice} title="Other settings would change this">
    ${offers.map((offer) => html`<${OfferLine} key=${offer.setting} offer=${offer}
      start=${start} onSetting=${onSetting} />`)}
  <//>`;
}

function OfferLine({ offer, start, onSetting }) {
  const input = start.settings.find((each) => each.variable === offer.variable);
  const label = input ? input.label : offer.variable;
  const value = { true: "on", false: "off" }[offer.value] || `set to ${offer.value}`;
  return html`<p class="offer"><span>${visible(offer.text)}</span>
    <button type="button" class="quiet" aria-label=${`See it with “${label}” ${value}`}
      onClick=${() => onSetting(offer.variable, offer.value)}>See it</button></p>`;
}
