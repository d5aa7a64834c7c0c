// The dead-letter queue: each entry with its reason; redriven one by one, some, or all.
import { ask } from "../api.js";
import { html, useEffect, useState } from "../dom.js";
import { Badge, Find, Pager, Said } from "../parts.js";
import { counted, number } from "../words.js";
import { query, useFetched } from "./fetched.js";
import { Letter } from "./letter.js";

const SHOWN = 50;

export function DeadLetters({ start, state, refresh }) {
  const [news, setNews] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [text, setText] = useState("");
  const [first, setFirst] = useState(0);
  const [chosen, setChosen] = useState(new Set());
  const { entries, by_reason: byReason } = state.dead;
  const { answer } = useFetched(`/api/dead?${query({ find: text, first })}`, state.now);
  useEffect(() => {
    if (entries === 0) setChosen(new Set());
  }, [entries]);
  // What is sent with `body` goes back to the retry queue; gives whether it did.
  const redrive = async (body) => {
    setIsBusy(true);
    let isDone = false;
    try {
      const { moved, wrong } = await ask("/api/redrive", body);
      setNews(wrong || `${counted(moved, "entry is", "entries are")} retried. What Klaviyo still refuses comes back.`);
      isDone = !wrong;
      if (isDone) setChosen(new Set());
      refresh();
    } catch (error) {
      setNews(error.message);
    }
    setIsBusy(false);
    return isDone;
  };
  const choose = (key, isChosen) => {
    const next = new Set(chosen);
    if (isChosen) next.add(key);
    else next.delete(key);
    setChosen(next);
  };
  return html`<section class="card" aria-labelledby="dead-title">
    <div class="card-head">
      <h2 id="dead-title">Dead-letter queue</h2>
      ${entries > 0 && html`<span class="head-buttons">
        ${chosen.size > 0 && html`<button type="button" disabled=${isBusy}
          onClick=${() => redrive({ keys: [...chosen] })}>Redrive ${number(chosen.size)} selected</button>`}
        <button type="button" onClick=${() => redrive({})} disabled=${isBusy}>
          ${isBusy ? "Redriving …" : "Redrive all"}</button>
      </span>`}
    </div>
    <p role="status" class="news">${news}</p>
    ${entries === 0
      ? html`<p class="aside">Empty: nothing was rejected or refused.</p>`
      : html`<p class="aside">Kept with its reason. Fix the cause first, then redrive.</p>
          <ul class="reasons">${Object.entries(byReason).map(([code, count]) => html`<li key=${code}>
            <${Badge} tone="bad">${number(count)}<//> <code><${Said} text=${code} /></code>
            <span class="aside">${start.advice[code]?.meaning}</span></li>`)}</ul>
          <${Find} label="Find dead letters" hint="message id, person, event or reason" value=${text}
            onChange=${(value) => {
              setFirst(0);
              setText(value);
            }} />
          ${answer?.number === 0 && html`<p class="aside">None of these.</p>`}
          <ul class="rows letters" tabindex="0" aria-label="Dead letters">${(answer?.letters || []).map(
            (letter, index) => html`<li class="row" key=${`${letter.key}-${index}`}><${Letter}
              letter=${letter} isBusy=${isBusy} redrive=${redrive} isChosen=${chosen.has(letter.key)}
              onChoose=${(isChosen) => choose(letter.key, isChosen)} /></li>`)}</ul>
          <${Pager} what="dead letters" first=${first} size=${SHOWN} total=${answer?.number || 0}
            onFirst=${setFirst} />`}
  </section>`;
}
