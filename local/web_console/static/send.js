// Send: a message goes through the real handler, and is followed.
import { ask } from "./api.js";
import { html, useEffect, useRef, useState } from "./dom.js";
import { Editor } from "./editor.js";
import { JsonView } from "./json-view.js";
import { Empty, NARROW, Notice, Outcome, Remedy, Said, Switch, Warnings } from "./parts.js";
import { visible } from "./visible.js";
import { counted, detailOf, duration, explained, timeOfDay } from "./words.js";

const EVERY = 1000;

export function Send({ start, state, draft, setDraft, sent, setSent, refresh }) {
  const [isNew, setIsNew] = useState(true);
  const [isStranger, setIsStranger] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const result = useRef(null);
  const isToBeShown = useRef(false);
  useEffect(() => {
    // In one column the result is below the visible part.
    if (isToBeShown.current && matchMedia(NARROW).matches) result.current.scrollIntoView();
    isToBeShown.current = false;
  }, [sent?.at]);

  const send = async () => {
    setIsBusy(true);
    setProblem("");
    try {
      const answer = await ask("/api/send", {
        text: draft.text, renew: isNew, wrong_secret: isStranger,
      });
      setSent({ ...answer, at: Date.now() / 1000, messages: [], number: 0 });
      refresh();
      isToBeShown.current = true;
    } catch (error) {
      setProblem(error.message);
    }
    setIsBusy(false);
  };

  const isOpen = sent && (!sent.number || sent.messages.some((line) => line.outcome === "queued"));
  useEffect(() => {
    if (!sent || sent.exchange === null) return undefined;
    let isOver = false;
    const look = async () => {
      const found = await ask(`/api/sent/${sent.exchange}`).catch(() => null);
      if (found && !isOver) setSent((now) => ({ ...now, ...found }));
    };
    look();
    const timer = setInterval(() => isOpen && look(), EVERY);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [sent?.exchange, isOpen, state.dead.entries, state.waiting.entries]);

  const different = start.settings.filter((input) => draft.settings[input.variable] !== input.running);
  return html`<div class="columns">
    <div class="column">
      <section class="card" aria-labelledby="send-title">
        <div class="card-head"><h2 id="send-title">Message to send</h2></div>
        <${Editor} id="send-message" examples=${start.examples} text=${draft.text}
          example=${draft.example} problem=${problem}
          onText=${(text, example) => setDraft({ ...draft, text, example })} />
        <div class="options">
          <${Switch} label="As a new message" checked=${isNew} onChange=${setIsNew}
            describedBy="help-new" />
          <p id="help-new" class="help">Gives it a new id. Without one Klaviyo may treat it as a repeat, and
            keep only the first.</p>
          <${Switch} label="Signed with a wrong secret" checked=${isStranger}
            onChange=${setIsStranger} describedBy="help-stranger" />
          <p id="help-stranger" class="help">Shows the answer to a request that is not from Segment.</p>
        </div>
        ${!start.has_stand_in && html`<${Notice} tone="warn" title="This is the real Klaviyo">
          <p>What you send here ends up in your account. The people of the samples are made up.</p>
        <//>`}
        <div class="actions">
          <button type="button" class="primary" disabled=${isBusy || !draft.text.trim()}
            onClick=${send}>${isBusy ? "Sending …" : "Send"}</button>
          <span class="aside">to <code>${start.webhook_url}</code></span>
        </div>
        <p class="aside sends-with">The running destination's settings apply, not those of the preview.</p>
      </section>
      ${different.length > 0 && html`<${Notice} title="The preview has other settings">
        <p>The result may differ from the preview. Different: ${
          different.map((input) => `“${input.label}”`).join(", ")}.</p>
      <//>`}
    </div>
    <div class="column">
      ${sent
        ? html`<${Result} sent=${sent} start=${start} now=${state.now} waiting=${state.waiting} at=${result} />`
        : html`<${Empty} title="Nothing sent yet">
            Press Send. The message is signed as Segment signs it, and goes through the real handler.
            This shows whether it is delivered, waits, is dropped or is refused.
          <//>`}
    </div>
  </div>`;
}

function Result({ sent, start, now, waiting, at }) {
  const { status, answer, seconds, messages, number } = sent;
  const isTaken = status === 200;
  return html`<section class="card" aria-labelledby="result-title" ref=${at}>
      <div class="card-head">
        <h2 id="result-title">What became of it</h2>
        <span class="aside">sent at ${timeOfDay(sent.at)}</span>
      </div>
      <p role="status" class=${`answer ${isTaken ? "good" : "bad"}`}>
        <strong>${isTaken ? "Taken" : "Turned away"}:</strong> the webhook answered ${status} after ${
          Math.round(seconds * 1000)} ms.
      </p>
      ${messages.length > 0 && html`<ol class="rows">
        ${messages.map((line) => html`<${Followed} key=${line.number} line=${line} start=${start}
          now=${now} waiting=${waiting} isOnlyOne=${number === 1} />`)}
      </ol>`}
      ${number > messages.length && html`<p class="aside">And ${
        counted(number - messages.length, "more message", "more messages")}.</p>`}
    </section>
    <section class="card" aria-labelledby="answer-title">
      <div class="card-head"><h2 id="answer-title">The answer that Segment would get</h2></div>
      <${JsonView} value=${answer} label="Answer" />
    </section>`;
}

function Followed({ line, start, now, waiting, isOnlyOne }) {
  const advice = start.advice[line.reason];
  const details = detailOf(line.details, line.outcome);
  return html`<li class="row">
    <div class="row-head">
      <span class="row-title">${line.type ? html`<${Said} text=${line.type} />` : "Not a message"}${
        line.event_name && html` · <${Said} text=${line.event_name} />`}</span>
      <${Outcome} outcome=${line.outcome} />
    </div>
    ${isOnlyOne && line.outcome === "delivered" && !line.ended_at && html`<p class="aside">Klaviyo has it${
      start.has_stand_in && html`: see <a href="#live">Live</a>`}.</p>`}
    ${line.reason && html`<p>${explained(line, start.advice)}</p>`}
    ${details && html`<p class="aside">${visible(details)}</p>`}
    <${Warnings} details=${line.details} advice=${start.advice} />
    ${line.outcome === "queued" && waiting.next_at && html`<p class="aside">Tried again ${
      waiting.next_at > now ? `in ${duration(waiting.next_at - now)}` : "any moment"}.</p>`}
    ${line.ended_at && html`<p class="aside">It waited, and was ${line.outcome} ${
      duration(line.ended_at - line.at)} later.</p>`}
    ${advice && line.outcome !== "queued" && html`<p><span class="what-to-do">What to do:</span> <${Remedy}
      text=${advice.remedy} /></p>`}
  </li>`;
}
