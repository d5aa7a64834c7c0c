// A JSON value, line by line and colour-coded, and beside each line where it came from.
import { html, useMemo, useState } from "./dom.js";
import { NARROW } from "./parts.js";
import { visible } from "./visible.js";
import { number } from "./words.js";

const LONGEST_TEXT = 160;
const LINES_AT_FIRST = 250;
const LINES_ON_A_PHONE = 40;
const MOST_LINES = 5000;
const SOURCES_SHOWN = 3;

// As RFC 6901 writes a key in a pointer.
const escaped = (key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1");

function linesOf(document, leftOut) {
  const lines = [];
  const waiting = [{ value: document, pointer: "", depth: 0, name: null, comma: false }];
  while (waiting.length && lines.length <= MOST_LINES) {
    const { value, pointer, depth, name, comma, close, rest } = waiting.pop();
    if (rest) {
      lines.push({ pointer, depth, name: null, text: `… ${number(rest)} more`, kind: "more" });
      continue;
    }
    if (close) {
      lines.push({ pointer: `${pointer}$`, depth, name: null, text: close, kind: "mark", comma });
      continue;
    }
    const isArray = Array.isArray(value);
    if (value === null || typeof value !== "object") {
      lines.push({ pointer, depth, name, ...scalar(value), comma });
      continue;
    }
    const entries = isArray ? value.map((each, index) => [index, each]) : Object.entries(value);
    if (!entries.length) {
      lines.push({ pointer, depth, name, text: isArray ? "[]" : "{}", kind: "mark", comma });
      continue;
    }
    lines.push({ pointer, depth, name, text: isArray ? "[" : "{", kind: "mark", comma: false });
    waiting.push({ close: isArray ? "]" : "}", pointer, depth, comma });
    if (leftOut[pointer]) {
      waiting.push({ rest: leftOut[pointer], pointer: `${pointer}…`, depth: depth + 1 });
    }
    entries.reverse().forEach(([key, inner], index) => {
      waiting.push({
        value: inner,
        pointer: `${pointer}/${escaped(key)}`,
        depth: depth + 1,
        name: isArray ? null : key,
        comma: index > 0,
      });
    });
  }
  return lines;
}

function scalar(value) {
  if (typeof value !== "string") {
    return { text: JSON.stringify(value), kind: typeof value === "number" ? "number" : "literal" };
  }
  if (value.length <= LONGEST_TEXT) return { text: JSON.stringify(value), kind: "string" };
  return {
    text: JSON.stringify(value.slice(0, LONGEST_TEXT)).slice(0, -1),
    more: value.length - LONGEST_TEXT,
    kind: "string",
  };
}

const shortened = (key) => (key.length > LONGEST_TEXT ? `${key.slice(0, LONGEST_TEXT)}…` : key);

function Line({ line, sources, withMessages }) {
  const { depth, name, text, kind, comma, more } = line;
  return html`<div class=${`line depth-${Math.min(depth, 16)}`}>
    <span class="code">${name !== null && html`<span class="key"><bdi>${
      visible(JSON.stringify(shortened(name)))}</bdi></span><span class="mark">: </span>`}<span
      class=${kind}><bdi>${visible(text)}</bdi></span>${more && html`<span class="more">… ${
      number(more)} more characters"</span>`}${comma && html`<span class="mark">,</span>`}</span>
    ${sources && html`<${Sources} sources=${sources} withMessages=${withMessages} />`}
  </div>`;
}

export function Sources({ sources, withMessages }) {
  const shown = sources.slice(0, SOURCES_SHOWN);
  const rest = sources.length - shown.length;
  return html`<span class="from"><span class="from-arrow" role="img" aria-label="comes from">←</span>${
    shown.map((source) => html`<${Source} key=${`${source.message}:${source.path}`}
      source=${source} withMessages=${withMessages} />`)}${
    rest > 0 && html`<span class="source rest" title=${sources.map((each) => each.path).join(", ")}
    >and ${number(rest)} more</span>`}</span>`;
}

function Source({ source, withMessages }) {
  const path = visible(shortened(source.path));
  if (source.message === null) {
    return html`<span class="source setting" title="a setting">setting ${path}</span>`;
  }
  const from = withMessages ? html`<span class="source-message">message ${source.message}</span>` : "";
  return html`<span class="source" title="a key of the message">${from}<bdi>${path}</bdi></span>`;
}

const NOTHING = {};

// `traces` maps JSON pointers to lists of sources, `leftOut` those of arrays to how much is missing.
export function JsonView({ value, traces, withMessages = false, label, leftOut = NOTHING }) {
  const [showsAll, setShowsAll] = useState(false);
  const lines = useMemo(() => linesOf(value, leftOut), [value, leftOut]);
  const atFirst = matchMedia(NARROW).matches ? LINES_ON_A_PHONE : LINES_AT_FIRST;
  const shown = showsAll ? lines.slice(0, MOST_LINES) : lines.slice(0, atFirst);
  const hidden = lines.length - shown.length;
  return html`<div class="json" dir="ltr" role="group" aria-label=${label}>
    ${shown.map((line) => html`<${Line} key=${line.pointer} line=${line}
      sources=${traces && traces.get(line.pointer)} withMessages=${withMessages} />`)}
    ${hidden > 0 && html`<p class="json-more">${
      showsAll
        ? `The rest is not shown: it has more than ${number(MOST_LINES)} lines.`
        : html`<button type="button" class="quiet" onClick=${() => setShowsAll(true)}>
            Show ${lines.length > MOST_LINES ? "more" : `all ${number(lines.length)} lines`}
          </button>`}</p>`}
  </div>`;
}
