// Small parts that several panels share.
import { html, useState } from "./dom.js";
import { OUTCOMES } from "./words.js";

export function Badge({ tone, children }) {
  return html`<span class=${`badge ${tone}`}>${children}</span>`;
}

export function Outcome({ outcome }) {
  const { word, tone } = OUTCOMES.get(outcome) || { word: outcome, tone: "calm" };
  return html`<${Badge} tone=${tone}>${word}<//>`;
}

// Text of a message: kept apart from what stands around it, whatever direction it is written in.
export function Said({ text, longest = 80 }) {
  const value = String(text);
  const shown = value.length > longest ? `${value.slice(0, longest)}…` : value;
  return html`<bdi class="said">${shown}</bdi>`;
}

export function Notice({ tone = "info", title, children }) {
  return html`<div class=${`notice ${tone}`}>
    ${title && html`<p class="notice-title">${title}</p>`}
    ${children}
  </div>`;
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
    await navigator.clipboard.writeText(text()).catch(() => {});
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
