// The messages as they come in: the newest, or the results of a search.
import { html, useState } from "../dom.js";
import { Choice, Empty, Find, Outcome, Said, Warnings } from "../parts.js";
import { counted, detailOf, duration, explained, number, timeOfDay } from "../words.js";
import { Details } from "./details.js";
import { query, useFetched } from "./fetched.js";

const FILTERS = [
  ["", "All"],
  ["delivered", "Delivered"],
  ["queued", "Waiting"],
  ["dropped", "Dropped"],
  ["rejected", "Refused"],
  ["turned_away", "Turned away"],
];

export function Messages({ start, state }) {
  const [outcome, setOutcome] = useState("");
  const [text, setText] = useState("");
  const [before, setBefore] = useState(null);
  const [opened, setOpened] = useState(null);
  const path = `/api/messages?${query({ outcome, find: text, before })}`;
  const { answer } = useFetched(path, state.now);
  const lines = answer?.messages || [];
  const isNarrowed = Boolean(outcome || text);
  const narrow = (change) => (value) => {
    setBefore(null);
    change(value);
  };
  return html`<section class="card" aria-labelledby="came-in-title">
    <div class="card-head">
      <h2 id="came-in-title">Messages as they come in</h2>
      <span class="aside">${counted(state.totals.received || 0, "message", "messages")} so far</span>
    </div>
    <div class="narrowing">
      <${Choice} name="outcome" label="Show" options=${FILTERS} value=${outcome}
        onChange=${narrow(setOutcome)} />
      <${Find} label="Find messages" hint="message id, person, event or reason" value=${text}
        onChange=${narrow(setText)} />
    </div>
    ${lines.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Messages"><table>
          <thead><tr><th scope="col">Time</th><th scope="col">Message</th>
            <th scope="col">Person</th><th scope="col">Outcome</th></tr></thead>
          <tbody>${lines.map((line) => html`<${Row} key=${line.number} line=${line} start=${start}
            isOpen=${line.number === opened} look=${state.now}
            onOpen=${() => setOpened(line.number === opened ? null : line.number)} />`)}</tbody>
        </table></div>`
      : answer && html`<${Empty} title=${isNarrowed ? "None of these" : "Nothing has come in yet"}>
          ${isNarrowed ? "Choose “All” and clear the search to see the others." : html`Go to <a href="#send">Send</a>${
            start.has_stand_in && html`, or let some traffic flow under <a href="#weather">Weather</a>`}.`}
        <//>`}
    <${Pages} answer=${answer} before=${before} setBefore=${setBefore} isNarrowed=${isNarrowed} />
  </section>`;
}

function Pages({ answer, before, setBefore, isNarrowed }) {
  if (!answer || (answer.number <= answer.messages.length && before === null)) return null;
  const last = answer.messages.at(-1);
  return html`<nav class="pager" aria-label="Pages of messages">
    <button type="button" class="quiet" disabled=${before === null}
      onClick=${() => setBefore(null)}>Newest</button>
    <span class="aside">${number(answer.messages.length)} of ${number(answer.number)}${
      isNarrowed ? " that were found" : ""}</span>
    <button type="button" class="quiet" disabled=${!last}
      onClick=${() => setBefore(last.number)}>Older</button>
  </nav>`;
}

function Row({ line, start, isOpen, onOpen, look }) {
  const why = explained(line, start.advice);
  const details = detailOf(line.details, line.outcome);
  return html`<tr class=${isOpen ? "opened" : ""}>
    <td class="time">${timeOfDay(line.at)}</td>
    <td class="what"><button type="button" class="open" aria-expanded=${isOpen} onClick=${onOpen}>${
      line.type ? html`<${Said} text=${line.type} />` : "not a message"}${
      line.event_name && html`<br /><strong><${Said} text=${line.event_name} longest=${60} /></strong>`}</button></td>
    <td class="who">${line.who ? html`<${Said} text=${line.who} longest=${60} />` : "–"}</td>
    <td class="fate"><${Outcome} outcome=${line.outcome} />${
      line.ended_at && html`<span class="aside"> after ${duration(line.ended_at - line.at)}</span>`}${
      why && html`<span class="why">${why}</span>`}${
      details && html`<span class="why aside"><${Said} text=${details} longest=${160} /></span>`}
      <${Warnings} details=${line.details} advice=${start.advice} /></td>
  </tr>
  ${isOpen && html`<tr class="details-row"><td colspan="4">
    <${Details} line=${line} start=${start} look=${look} /></td></tr>`}`;
}
