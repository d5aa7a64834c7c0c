// Small parts that several panels share.
import { html, useState } from "./dom.js";
import { visible } from "./visible.js";
import { number, OUTCOMES, warningsOf } from "./words.js";

// Only one column fits here, as in console.css.
export const NARROW = "(max-width: 960px)";

export function Badge({ tone, children }) {
  return html`<span class=${`badge ${tone}`}>${children}</span>`;
}

export function Outcome({ outcome }) {
  const { word, tone } = OUTCOMES.get(outcome) || { word: outcome, tone: "calm" };
  return html`<${Badge} tone=${tone}>${word}<//>`;
}

// Text of a message: isolated from the text around it, in whichever direction it is written.
export function Said({ text, longest = 80 }) {
  const value = String(text);
  const shown = value.length > longest ? `${value.slice(0, longest)}…` : value;
  return html`<bdi class="said">${visible(shown)}</bdi>`;
}

export function Notice({ tone = "info", title, children }) {
  return html`<div class=${`notice ${tone}`}>
    ${title && html`<p class="notice-title">${title}</p>`}
    ${children}
  </div>`;
}

// What to do. A command stands in backticks.
export function Remedy({ text = "" }) {
  return text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

// What is missing from an accepted message, and why.
export function Warnings({ details, advice }) {
  return warningsOf(details, advice).map((warning) => html`<p class="warning" key=${warning.text}>
    <${Badge} tone="wait">Warning<//> ${warning.field && html`<code>${visible(warning.field)}</code>: `}${
      warning.meaning} <${Remedy} text=${warning.remedy} /> <code class="code-of">${warning.text.split(": ", 1)[0]}</code></p>`);
}

export function Empty({ title, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    <p>${children}</p>
  </div>`;
}

export function Switch({ label, checked, onChange, describedBy }) {
  return html`<label class="switch">
    <input type="checkbox" role="switch" checked=${checked} aria-describedby=${describedBy}
      onChange=${(event) => onChange(event.target.checked)} />
    <span class="track" aria-hidden="true"></span>
    <span class="switch-label">${label}</span>
  </label>`;
}

export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(await text()).catch(() => {});
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<button type="button" class="quiet" onClick=${copy}>${done ? "Copied" : label}</button>`;
}

export function Tile({ label, value, tone = "", hint }) {
  return html`<div class=${`tile ${tone}`}>
    <dt>${label}</dt>
    <dd>${value}</dd>
    ${hint && html`<dd class="hint">${hint}</dd>`}
  </div>`;
}

export function Choice({ name, label, options, value, onChange }) {
  return html`<fieldset class="choice"><legend class="hidden-label">${label}</legend>
    ${options.map(([key, word]) => html`<label key=${key}>
      <input type="radio" name=${name} value=${key} checked=${key === value}
        onChange=${() => onChange(key)} /><span>${word}</span></label>`)}
  </fieldset>`;
}

export function Find({ label, value, onChange, hint }) {
  return html`<label class="find"><span class="hidden-label">${label}</span>
    <input type="search" value=${value} placeholder=${hint} spellcheck=${false} autocomplete="off"
      onInput=${(event) => onChange(event.target.value)} /></label>`;
}

// Shows which part of a list is visible, with buttons to the others. `first` counts from zero.
export function Pager({ what, first, size, total, onFirst }) {
  if (total <= size && first === 0) return null;
  const last = Math.min(first + size, total);
  return html`<nav class="pager" aria-label=${`Pages of ${what}`}>
    <button type="button" class="quiet" disabled=${first === 0}
      onClick=${() => onFirst(Math.max(0, first - size))}>Previous</button>
    <span class="aside">${total ? `${number(first + 1)} to ${number(last)}` : "None"} of ${
      number(total)} ${what}</span>
    <button type="button" class="quiet" disabled=${last >= total}
      onClick=${() => onFirst(first + size)}>Next</button>
  </nav>`;
}
