// Weather: make Klaviyo slow, throttled, down, or refuse a person, and watch what happens.
import { ask } from "./api.js";
import { Chart } from "./chart.js";
import { html, useEffect, useState } from "./dom.js";
import { Choice, Notice, Tile } from "./parts.js";
import { number } from "./words.js";

const AT_FIRST = { slow: 2, throttled: 10 };

export function Weather({ start, state, refresh }) {
  const [problem, setProblem] = useState("");
  if (!start.has_stand_in) {
    return html`<${Notice} title="This is the real Klaviyo">
      <p>Its weather cannot be changed from here. For the stand-in, start “make run” without
      KLAVIYO_PRIVATE_KEY.</p>
    <//>`;
  }
  const act = async (path, body) => {
    try {
      await ask(path, body);
      setProblem("");
      refresh();
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<div class="columns">
    <div class="column">
      <${Moods} start=${start} state=${state} act=${act} />
      <${Traffic} start=${start} state=${state} act=${act} />
      <p role="alert" class="problem">${problem}</p>
    </div>
    <div class="column wide">
      <${Watching} state=${state} />
    </div>
  </div>`;
}

function Moods({ start, state, act }) {
  const { weather, people } = state;
  const [seconds, setSeconds] = useState({
    ...AT_FIRST,
    ...(weather.seconds && { [weather.kind]: weather.seconds }),
  });
  const [email, setEmail] = useState(weather.email || "");
  // The choice is shown at once, before the next refresh confirms it.
  const [chosen, setChosen] = useState(weather.kind);
  useEffect(() => setChosen(weather.kind), [weather.kind]);
  useEffect(() => {
    if (!email && people.length) setEmail(people[0]);
  }, [people.length]);
  const parameters = (mood) => ({
    kind: mood.kind,
    ...(mood.parameter === "seconds" && { seconds: seconds[mood.kind] }),
    ...(mood.parameter === "email" && { email }),
  });
  const choose = (mood) => {
    setChosen(mood.kind);
    act("/api/weather", parameters(mood));
  };

  return html`<section class="card" aria-labelledby="moods-title">
    <div class="card-head"><h2 id="moods-title">How Klaviyo is</h2></div>
    ${weather.kind === "other" && html`<p class="aside">It was changed from outside the console.</p>`}
    <div class="mood-list" role="radiogroup" aria-labelledby="moods-title">${start.moods.map((mood) => html`<div class=${`mood ${chosen === mood.kind ? "chosen" : ""}`}
      key=${mood.kind}>
      <label class="mood-choice">
        <input type="radio" name="mood" value=${mood.kind} checked=${chosen === mood.kind}
          aria-describedby=${`mood-${mood.kind}`} onChange=${() => choose(mood)} />
        <span class="mood-title">${mood.title}</span>
      </label>
      <p id=${`mood-${mood.kind}`} class="help">${mood.text}</p>
      ${mood.parameter === "seconds" && html`<label class="inline">
        Seconds <input type="number" min="1" max="60" value=${seconds[mood.kind]}
          onInput=${(event) => setSeconds({ ...seconds, [mood.kind]: Number(event.target.value) })}
          onChange=${(event) => chosen === mood.kind && act("/api/weather", {
            kind: mood.kind, seconds: Number(event.target.value),
          })} /></label>`}
      ${mood.parameter === "email" && html`<label class="inline">
        Person <input type="email" list="people" value=${email} spellcheck=${false}
          autocomplete="off" placeholder="e-mail address"
          onInput=${(event) => setEmail(event.target.value)}
          onChange=${(event) => chosen === mood.kind && act("/api/weather", {
            kind: mood.kind, email: event.target.value,
          })} /></label>
        <datalist id="people">${people.map((each) => html`<option key=${each} value=${each} />`)}</datalist>`}
    </div>`)}</div>
  </section>`;
}

function Traffic({ start, state, act }) {
  const options = start.rates.map((rate) => [String(rate), rate ? `${rate} a second` : "None"]);
  return html`<section class="card" aria-labelledby="traffic-title">
    <div class="card-head"><h2 id="traffic-title">Traffic</h2></div>
    <p class="aside">Sends made-up messages through the real handler, in one batch a second.</p>
    <${Choice} name="traffic" label="Messages a second" options=${options}
      value=${String(state.per_second)}
      onChange=${(rate) => act("/api/traffic", { per_second: Number(rate) })} />
  </section>`;
}

function Watching({ state }) {
  const { totals, waiting, dead } = state;
  return html`<section class="card" aria-labelledby="watching-title">
    <div class="card-head">
      <h2 id="watching-title">The last three minutes</h2>
    </div>
    <dl class="tiles">
      <${Tile} label="Delivered" value=${number(totals.delivered || 0)} tone="good"
        hint="messages so far" />
      <${Tile} label="Waiting" value=${number(waiting.entries)} tone=${waiting.entries ? "wait" : ""}
        hint="in the retry queue now" />
      <${Tile} label="Dead letters" value=${number(dead.entries)} tone=${dead.entries ? "bad" : ""}
        hint=${dead.entries ? html`<a href="#live">see them</a>` : "none so far"} />
    </dl>
    <${Chart} looks=${state.looks} now=${state.now} />
  </section>`;
}
