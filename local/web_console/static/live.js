// Live: what comes in, what waits, and what Klaviyo holds.
import { ask } from "./api.js";
import { html, useState } from "./dom.js";
import { JsonView } from "./json-view.js";
import { Badge, Empty, Notice, Outcome, Said, Tile } from "./parts.js";
import { counted, detailOf, duration, explained, kindOf, number, timeOfDay } from "./words.js";

const FILTERS = [
  ["", "All"],
  ["delivered", "Delivered"],
  ["queued", "Waiting"],
  ["dropped", "Dropped"],
  ["rejected", "Refused"],
];

export function Live({ start, state, refresh }) {
  return html`<div class="columns">
    <div class="column wide">
      <${Messages} start=${start} state=${state} />
    </div>
    <div class="column">
      <${Queue} state=${state} />
      <${DeadLetters} start=${start} state=${state} refresh=${refresh} />
    </div>
  </div>
  <${Holdings} start=${start} state=${state} />`;
}

function Messages({ start, state }) {
  const [filter, setFilter] = useState("");
  const shown = state.messages.filter((line) => !filter || line.outcome === filter);
  return html`<section class="card" aria-labelledby="came-in-title">
    <div class="card-head">
      <h2 id="came-in-title">Messages as they come in</h2>
      <span class="aside">${counted(state.totals.received || 0, "message", "messages")} so far</span>
    </div>
    <${Choice} name="outcome" label="Show" options=${FILTERS} value=${filter}
      onChange=${setFilter} />
    ${shown.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Messages"><table>
          <thead><tr><th scope="col">Time</th><th scope="col">Message</th>
            <th scope="col">Person</th><th scope="col">Outcome</th></tr></thead>
          <tbody>${shown.map((line) => html`<${Row} key=${line.number} line=${line}
            start=${start} />`)}</tbody>
        </table></div>`
      : html`<${Empty} title=${filter ? "None of these" : "Nothing has come in yet"}>
          ${filter ? "Choose “All” to see the others." : html`Go to <a href="#send">Send</a>${
            start.has_stand_in && html`, or let some traffic flow under <a href="#weather">Weather</a>`}.`}
        <//>`}
  </section>`;
}

function Row({ line, start }) {
  const why = explained(line, start.advice);
  const details = detailOf(line.details, line.outcome);
  return html`<tr>
    <td class="time">${timeOfDay(line.at)}</td>
    <td class="what">${line.type ? html`<${Said} text=${line.type} />` : "not a message"}${
      line.event_name && html`<br /><strong><${Said} text=${line.event_name} longest=${60} /></strong>`}</td>
    <td class="who">${line.who ? html`<${Said} text=${line.who} longest=${60} />` : "–"}</td>
    <td class="fate"><${Outcome} outcome=${line.outcome} />${
      line.settled_at && html`<span class="aside"> after ${duration(line.settled_at - line.at)}</span>`}${
      why && html`<span class="why">${why}</span>`}${
      details && html`<span class="why aside"><${Said} text=${details} longest=${160} /></span>`}</td>
  </tr>`;
}

function Queue({ state }) {
  const { entries, since, next_at: nextAt } = state.waiting;
  return html`<section class="card" aria-labelledby="queue-title">
    <div class="card-head"><h2 id="queue-title">Retry queue</h2></div>
    <dl class="tiles">
      <${Tile} label="Waiting" value=${number(entries)} tone=${entries ? "wait" : ""} />
      <${Tile} label="Longest wait" value=${since ? duration(state.now - since) : "–"} />
      <${Tile} label="Next try" value=${nextAt
        ? nextAt > state.now ? `in ${duration(nextAt - state.now)}` : "now" : "–"} />
    </dl>
    <p class="aside">${entries
      ? "What Klaviyo did not accept waits here and is retried."
      : "Empty: nothing waits."}</p>
  </section>`;
}

function DeadLetters({ start, state, refresh }) {
  const [told, setTold] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const { entries, by_reason: byReason, letters } = state.dead;
  const redrive = async () => {
    setIsBusy(true);
    try {
      const { moved } = await ask("/api/redrive", {});
      setTold(`${counted(moved, "entry is", "entries are")} retried. What Klaviyo still refuses comes back.`);
      refresh();
    } catch (error) {
      setTold(error.message);
    }
    setIsBusy(false);
  };
  return html`<section class="card" aria-labelledby="dead-title">
    <div class="card-head">
      <h2 id="dead-title">Dead-letter queue</h2>
      ${entries > 0 && html`<button type="button" onClick=${redrive} disabled=${isBusy}>
        ${isBusy ? "Redriving …" : "Redrive all"}</button>`}
    </div>
    <p role="status" class="told">${told}</p>
    ${entries === 0
      ? html`<p class="aside">Empty: nothing was rejected or refused.</p>`
      : html`<p class="aside">Kept with its reason. Fix the cause first, then redrive: everything is
            retried.</p>
          <ul class="reasons">${Object.entries(byReason).map(([code, count]) => html`<li key=${code}>
            <${Badge} tone="bad">${number(count)}<//> <code>${code}</code>
            <span class="aside">${start.advice[code]?.meaning}</span></li>`)}</ul>
          <ul class="rows letters" tabindex="0" aria-label="Dead letters">${letters.map((letter, index) => html`<li class="row"
            key=${`${letter.since}-${letter.message_id}-${index}`}><${Letter} letter=${letter} /></li>`)}</ul>`}
  </section>`;
}

function Letter({ letter }) {
  const { content } = letter;
  const details = detailOf(letter.reason);
  const name = content?.metric || (typeof content?.event === "string" && content.event);
  const who = content?.identity?.email || content?.email;
  return html`<details>
    <summary><span class="row-title">${kindOf(letter.kind)}${name && html`: <${Said} text=${name}
      longest=${60} />`}</span>
      <span class="aside"><${Said} text=${who || letter.message_id || "without an id"}
        longest=${60} /></span></summary>
    ${details && html`<p><${Said} text=${details} longest=${400} /></p>`}
    <${JsonView} value=${content} label="Kept content" />
  </details>`;
}

export function Choice({ name, label, options, value, onChange }) {
  return html`<fieldset class="choice"><legend class="hidden-label">${label}</legend>
    ${options.map(([key, word]) => html`<label key=${key}>
      <input type="radio" name=${name} value=${key} checked=${key === value}
        onChange=${() => onChange(key)} /><span>${word}</span></label>`)}
  </fieldset>`;
}

function Holdings({ start, state }) {
  const [kind, setKind] = useState("profiles");
  const held = state.holdings;
  if (!held) {
    return html`<section class="card" aria-labelledby="holdings-title">
      <div class="card-head"><h2 id="holdings-title">What Klaviyo holds</h2></div>
      <${Notice}><p>You deliver to the real Klaviyo (<code>${start.klaviyo_url}</code>): look there.</p><//>
    </section>`;
  }
  const { counts } = held;
  const options = [
    ["profiles", `Profiles ${number(counts.profiles)}`],
    ["events", `Events ${number(counts.events)}`],
    ["lists", `Lists ${number(counts.lists)}`],
  ];
  const View = { profiles: Profiles, events: Events, lists: Lists }[kind];
  return html`<section class="card" aria-labelledby="holdings-title">
    <div class="card-head">
      <h2 id="holdings-title">What Klaviyo holds</h2>
      <span class="aside">in the stand-in; the newest first</span>
    </div>
    <${Choice} name="holdings" label="Kind" options=${options} value=${kind} onChange=${setKind} />
    ${kind === "profiles" && held.deleted > 0 && html`<p class="aside">${
      number(held.deleted)} deleted on request.</p>`}
    <${View} entries=${held[kind]} />
  </section>`;
}

const CHANNELS = { "email.marketing": "e-mail", "sms.marketing": "SMS" };
const channelOf = (name) => CHANNELS[name] || name.replace(".", " ");

function Profiles({ entries }) {
  if (!entries.length) return html`<${Empty} title="No profiles">An identify makes one.<//>`;
  return html`<ul class="rows">${entries.map((profile) => html`<li class="row" key=${profile.who}>
    <details>
      <summary><span class="row-title"><${Said} text=${profile.who} /></span>${
        profile.name && html`<span class="aside"><${Said} text=${profile.name} /></span>`}${
        profile.lists.map((name) => html`<${Badge} tone="good" key=${name}>on ${name}<//>`)}${
        profile.asked.map((name) => html`<${Badge} tone="wait" key=${name}>asked to join ${name}<//>`)}${
        Object.entries(profile.consents).map(([channel, consent]) => html`<${Badge} key=${channel}
          tone=${consent === "SUBSCRIBED" ? "good" : "calm"}>${channelOf(channel)}: ${
          consent.toLowerCase().replaceAll("_", " ")}<//>`)}
      </summary>
      <${JsonView} value=${profile.attributes} label="Attributes" />
    </details></li>`)}</ul>`;
}

function Events({ entries }) {
  if (!entries.length) return html`<${Empty} title="No events">A track makes one.<//>`;
  return html`<ul class="rows">${entries.map((event) => html`<li class="row"
    key=${`${event.metric} ${event.who} ${event.unique_id}`}>
    <details>
      <summary><span class="row-title"><${Said} text=${event.metric} /></span>
        <span class="aside"><${Said} text=${event.who} /></span>${
        event.value !== null && html`<span class="value">${number(event.value)} ${event.currency || ""}</span>`}${
        event.times_sent > 1 && html`<${Badge} tone="calm">sent ${event.times_sent} times, kept once<//>`}
      </summary>
      <${JsonView} value=${{ time: event.time, unique_id: event.unique_id, properties: event.properties }}
        label="Event" />
    </details></li>`)}</ul>`;
}

function Lists({ entries }) {
  return html`<ul class="rows">${entries.map((list) => html`<li class="row" key=${list.id}>
    <div class="row-head"><span class="row-title"><${Said} text=${list.name} /> <code>${list.id}</code></span>
      <span class="aside">${list.asks_first ? "asks people first" : "people join at once"}</span></div>
    <p>${number(list.counts.members)} on it${list.members.length ? ": " : ""}${
      list.members.map((who, index) => html`${index ? ", " : ""}<${Said} text=${who} />`)}</p>
    ${list.counts.asked > 0 && html`<p>${number(list.counts.asked)} asked to confirm: ${
      list.asked.map((who, index) => html`${index ? ", " : ""}<${Said} text=${who} />`)}</p>`}
  </li>`)}</ul>`;
}
