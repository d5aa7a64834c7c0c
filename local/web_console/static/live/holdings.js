// What the stand-in Klaviyo holds, a page at a time.
import { html, useState } from "../dom.js";
import { JsonView } from "../json-view.js";
import { Badge, Choice, Empty, Find, Notice, Pager, Said } from "../parts.js";
import { number } from "../words.js";
import { query, useFetched } from "./fetched.js";

const SHOWN = 50;

export function Holdings({ start, state }) {
  const counts = state.holdings;
  if (!counts) {
    return html`<section class="card" aria-labelledby="holdings-title">
      <div class="card-head"><h2 id="holdings-title">What Klaviyo holds</h2></div>
      <${Notice}><p>You deliver to the real Klaviyo (<code>${start.klaviyo_url}</code>): see your account there.</p><//>
    </section>`;
  }
  return html`<${Held} counts=${counts} look=${state.now} />`;
}

function Held({ counts, look }) {
  const [kind, setKind] = useState("profiles");
  const [text, setText] = useState("");
  const [first, setFirst] = useState(0);
  const { answer, isNew } = useFetched(`/api/holdings/${kind}?${query({ find: text, first })}`, look);
  const options = [
    ["profiles", `Profiles ${number(counts.profiles)}`],
    ["events", `Events ${number(counts.events)}`],
    ["lists", `Lists ${number(counts.lists)}`],
  ];
  const narrow = (change) => (value) => {
    setFirst(0);
    change(value);
  };
  const View = { profiles: Profiles, events: Events, lists: Lists }[kind];
  return html`<section class="card" aria-labelledby="holdings-title">
    <div class="card-head">
      <h2 id="holdings-title">What Klaviyo holds</h2>
      <span class="aside">in the stand-in, newest first</span>
    </div>
    <div class="narrowing">
      <${Choice} name="holdings" label="Kind" options=${options} value=${kind}
        onChange=${narrow(setKind)} />
      <${Find} label="Find in what Klaviyo holds" hint="person, event or list" value=${text}
        onChange=${narrow(setText)} />
    </div>
    ${kind === "profiles" && counts.deleted > 0 && html`<p class="aside">${
      number(counts.deleted)} deleted on request.</p>`}
    ${answer && isNew && (text && !answer.number
      ? html`<${Empty} title="None of these">Clear the search to see the others.<//>`
      : html`<${View} entries=${answer.entries} />`)}
    <${Pager} what=${kind} first=${first} size=${SHOWN} total=${answer?.number || 0}
      onFirst=${setFirst} />
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
        profile.lists.map((name) => html`<${Badge} tone="good" key=${name}>on <${Said} text=${name} /><//>`)}${
        profile.asked.map((name) => html`<${Badge} tone="wait" key=${name}>asked to join <${Said} text=${name} /><//>`)}${
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
