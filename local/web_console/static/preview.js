// Preview: what a message becomes, with these settings. Nothing is sent.
import { ask } from "./api.js";
import { html, useEffect, useState } from "./dom.js";
import { Editor } from "./editor.js";
import { JsonView, Sources } from "./json-view.js";
import { Badge, Copy, Empty, Notice, Said } from "./parts.js";
import { SettingsForm } from "./settings.js";
import { counted } from "./words.js";

const PAUSE = 150;
const REQUESTS_AT_FIRST = 20;
const MESSAGES_AT_FIRST = 20;

const VERDICTS = new Map([
  ["mapped", { word: "Goes to Klaviyo", tone: "good" }],
  ["dropped", { word: "Dropped", tone: "calm" }],
  ["rejected", { word: "Rejected", tone: "bad" }],
]);

export function Preview({ start, draft, setDraft }) {
  const [answer, setAnswer] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    const look = async () => {
      try {
        const found = await ask("/api/preview", { text: draft.text, settings: draft.settings },
          abort.signal);
        setAnswer(found);
        setProblem("");
      } catch (error) {
        if (error.name !== "AbortError") setProblem(error.message);
      }
    };
    const timer = setTimeout(look, answer ? PAUSE : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [draft.text, draft.settings]);

  const isEmpty = !draft.text.trim();
  const error = isEmpty ? undefined : answer?.error;
  return html`<div class="columns">
    <div class="column">
      <section class="card" aria-labelledby="message-title">
        <div class="card-head"><h2 id="message-title">Message from Segment</h2></div>
        <${Editor} examples=${start.examples} text=${draft.text} example=${draft.example}
          error=${error} problem=${problem}
          onText=${(text, example) => setDraft({ ...draft, text, example })} />
      </section>
      <${SettingsForm} inputs=${start.settings} values=${draft.settings}
        problems=${answer?.settings || {}}
        onChange=${(settings) => setDraft({ ...draft, settings })} />
    </div>
    <div class="column" aria-live="off">
      <${Result} answer=${answer} isEmpty=${isEmpty} start=${start}
        onSetting=${(variable, value) => setDraft({
          ...draft, settings: { ...draft.settings, [variable]: value },
        })} />
    </div>
  </div>`;
}

function Result({ answer, isEmpty, start, onSetting }) {
  if (isEmpty) {
    return html`<${Empty} title="No message yet">
      Choose a sample, or paste one message or an array of messages, as Segment sends them.
    <//>`;
  }
  if (!answer) return html`<p class="loading">Looking …</p>`;
  if (answer.error) {
    return html`<${Empty} title="This cannot be read yet">
      Once the JSON is in order, you see here what it becomes.
    <//>`;
  }
  if (answer.settings) {
    return html`<${Empty} title="A setting cannot be read">
      See the field marked under Settings.
    <//>`;
  }
  const { messages, requests, is_traced: isTraced } = answer.preview;
  return html`
    <p class="summary" role="status">
      <strong>${counted(messages.length, "message", "messages")}</strong>${" "}
      <span class="summary-arrow">→</span>${" "}
      <strong>${requests.length
        ? counted(requests.length, "request to Klaviyo", "requests to Klaviyo")
        : "nothing for Klaviyo"}</strong>
      <span class="aside">Nothing is sent.</span>
    </p>
    ${requests.length > 0 && isTraced && html`<p class="aside">Beside each value stands the key of the
      message that it comes from.</p>`}
    <${Messages} messages=${messages} start=${start} onSetting=${onSetting} />
    ${!isTraced && requests.length > 0 && html`<${Notice}>
      <p>This is too much to trace every part of it. Paste fewer messages to see where each comes
      from.</p>
    <//>`}
    <${Requests} requests=${requests} isOneOfMany=${messages.length > 1} />`;
}

function Messages({ messages, start, onSetting }) {
  const [showsAll, setShowsAll] = useState(false);
  if (messages.length === 1) {
    const [message] = messages;
    return html`<${Verdict} message=${message} start=${start} onSetting=${onSetting} />`;
  }
  const shown = showsAll ? messages : messages.slice(0, MESSAGES_AT_FIRST);
  return html`<section class="card" aria-labelledby="messages-title">
    <div class="card-head"><h2 id="messages-title">Messages</h2></div>
    <ol class="rows">
      ${shown.map((message) => html`<li class="row" key=${message.number}>
        <div class="row-head">
          <span class="row-number">${message.number}</span>
          <span class="row-title"><${Title} message=${message} /></span>
          ${message.requests.length > 0 && html`<span class="aside">${
            message.requests.length === 1 ? "request" : "requests"} ${message.requests.join(", ")}</span>`}
          <${VerdictBadge} message=${message} />
        </div>
        <${Verdict} message=${message} start=${start} onSetting=${onSetting} />
      </li>`)}
    </ol>
    ${shown.length < messages.length && html`<button type="button" class="quiet"
      onClick=${() => setShowsAll(true)}>Show all ${counted(messages.length, "", "messages")}</button>`}
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

// Why a message is dropped or rejected, and how to change that; warnings of one that is not.
function Verdict({ message, start, onSetting }) {
  const { reason, warnings, ways_out: waysOut, field, detail } = message;
  if (!reason && !warnings.length) return null;
  if (!reason) {
    return warnings.map((warning) => html`<${Notice} key=${warning.meaning} tone="warn"
      title=${warning.meaning}><p>${warning.remedy}</p><//>`);
  }
  const isDropped = message.verdict === "dropped";
  return html`<${Notice} tone=${isDropped ? "calm" : "bad"}
    title=${`${isDropped ? "Dropped" : "Rejected"}: ${reason.meaning}`}>
    ${detail && html`<p>${field ? html`<code>${field}</code> ` : ""}${detail}.</p>`}
    <p><span class="what-to-do">What to do:</span> ${reason.remedy}</p>
    ${waysOut.map((way) => html`<${WayOut} key=${way.setting} way=${way} start=${start}
      onSetting=${onSetting} />`)}
    <p class="code-of"><code>${reason.code}</code></p>
  <//>`;
}

function WayOut({ way, start, onSetting }) {
  const variable = way.setting.toUpperCase();
  const input = start.settings.find((each) => each.variable === variable);
  return html`<p><button type="button" class="quiet" onClick=${
    () => onSetting(variable, String(way.value))}>
    See it with “${input ? input.label : variable}” ${
      way.value === true ? "on" : way.value === false ? "off" : `set to ${way.value}`}
  </button></p>`;
}

function Requests({ requests, isOneOfMany }) {
  const [showsAll, setShowsAll] = useState(false);
  const shown = showsAll ? requests : requests.slice(0, REQUESTS_AT_FIRST);
  return html`${shown.map((request) => html`<${Request} key=${request.number} request=${request}
      isOneOfMany=${isOneOfMany} />`)}
    ${shown.length < requests.length && html`<button type="button"
      onClick=${() => setShowsAll(true)}>Show all ${counted(requests.length, "", "requests")}</button>`}`;
}

function Request({ request, isOneOfMany }) {
  const { number, title, method, path, body, after, note, items, messages } = request;
  const withMessages = messages.length > 1;
  const { "": ofPath, ...ofBody } = request.traces;
  const traces = new Map(Object.entries(ofBody));
  return html`<section class="card request" aria-labelledby=${`request-${number}`}>
    <div class="card-head">
      <h2 id=${`request-${number}`}><span class="row-number">${number}</span> ${title}${
        about(body)}</h2>
      ${body !== null && html`<${Copy} text=${() => JSON.stringify(body, null, 2)}
        label="Copy body" />`}
    </div>
    <p class="endpoint"><span class="method">${method}</span> <code>${path}</code>${
      ofPath && html` <${Sources} sources=${ofPath} withMessages=${withMessages} />`}</p>
    ${isOneOfMany && messages.length > 0 && html`<p class="aside">From ${
      messages.length === 1 ? `message ${messages[0]}` : `messages ${listed(messages)}`}${
      items.length > 1 && `, ${counted(items.length, "item", "items")}`}.</p>`}
    ${(after || note) && html`<p class="aside">${after && `Follows request ${after}, once that has its answer. `}${note}</p>`}
    ${body !== null && html`<${JsonView} value=${body} traces=${traces} label="Body"
      withMessages=${withMessages} />`}
  </section>`;
}

// The event's name, where the request is about one.
function about(body) {
  const name = body?.data?.attributes?.metric?.data?.attributes?.name;
  return name ? html`: <${Said} text=${name} />` : "";
}

const listed = (numbers) => (numbers.length <= 6
  ? `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`
  : `${numbers.slice(0, 5).join(", ")} and ${numbers.length - 5} more`);
