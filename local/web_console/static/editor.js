// Where a message is chosen or pasted. What is wrong with its JSON is shown where it is.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { visible } from "./visible.js";

const AROUND = 40;
const LINE = 20;
const LINES_SEEN = 22;

export function Editor({ examples, text, example, onText, error, problem, id = "message" }) {
  const area = useRef(null);
  const gutter = useRef(null);
  const bar = useRef(null);
  const lines = useMemo(() => text.split("\n").length, [text]);
  const [top, setTop] = useState(0);

  // The line numbers and the mark move with the text; only the numbers that are seen are there.
  const follow = () => {
    setTop(Math.floor(area.current.scrollTop / LINE));
    gutter.current.scrollTop = area.current.scrollTop % LINE;
    if (bar.current) {
      const height = parseFloat(getComputedStyle(area.current).lineHeight);
      const padding = parseFloat(getComputedStyle(area.current).paddingTop);
      bar.current.style.top = `${padding + (error.line - 1) * height - area.current.scrollTop}px`;
    }
  };
  useLayoutEffect(follow);
  useEffect(() => {
    area.current.scrollTop = 0;
    area.current.scrollLeft = 0;
  }, [example]);

  const goThere = () => {
    const end = text.indexOf("\n", error.offset);
    area.current.focus();
    area.current.setSelectionRange(error.offset, Math.max(error.offset + 1, end));
    const height = parseFloat(getComputedStyle(area.current).lineHeight);
    area.current.scrollTop = Math.max(0, (error.line - 4) * height);
  };
  const isAt = error && error.line !== null;

  return html`<div class="field">
    <div class="field-head">
      <label for=${`${id}-example`}>Start from</label>
      <select id=${`${id}-example`} value=${example} onChange=${(event) => {
        const chosen = examples.find((each) => each.name === event.target.value);
        if (chosen) onText(chosen.text, chosen.name);
      }}>
        <option value="">Your own message</option>
        ${examples.map((each) => html`<option key=${each.name} value=${each.name}>${
          each.shows[0].toUpperCase() + each.shows.slice(1)}</option>`)}
      </select>
    </div>
    <label class="hidden-label" for=${id}>Message, or an array of messages, as JSON</label>
    <div class=${`editor ${error ? "has-error" : ""}`}>
      <pre class="gutter" ref=${gutter} aria-hidden="true">${
        Array.from({ length: LINES_SEEN }, (_, index) => (
          top + index < lines ? top + index + 1 : "")).join("\n")}</pre>
      <div class="editor-text">
        ${isAt && html`<div class="error-bar" ref=${bar}></div>`}
        <textarea id=${id} ref=${area} value=${text} spellcheck=${false} autocomplete="off"
          autocapitalize="off" wrap="off" dir="ltr" aria-invalid=${Boolean(error)}
          aria-describedby=${error ? `${id}-error` : undefined}
          onScroll=${follow} onInput=${(event) => onText(event.target.value, "")}></textarea>
      </div>
    </div>
    <div id=${`${id}-error`} role="alert">
      ${error && html`<div class="json-error">
        <p><strong>${isAt ? `Line ${error.line}, column ${error.column}` : "Not a message"}:</strong>
        ${" "}${error.detail}${error.detail.endsWith(".") ? "" : "."}</p>
        ${isAt && html`<${Excerpt} text=${text} error=${error} />`}
        ${isAt && html`<button type="button" class="quiet" onClick=${goThere}>Go there</button>`}
      </div>`}
      ${problem && html`<p class="json-error">${problem}</p>`}
    </div>
  </div>`;
}

// The line at fault, as far as it fits, with a caret under the place.
function Excerpt({ text, error }) {
  const start = text.lastIndexOf("\n", error.offset - 1) + 1;
  const end = text.indexOf("\n", error.offset);
  const line = text.slice(start, end < 0 ? undefined : end).replaceAll("\t", " ");
  const at = error.column - 1;
  const from = Math.max(0, at - AROUND);
  return html`<div class="excerpt" dir="ltr">
    <pre><bdi>${visible(line.slice(from, at))}${visible(line.slice(at, at + AROUND))}</bdi></pre>
    <pre class="caret" aria-hidden="true">${`${" ".repeat(visible(line.slice(from, at)).length)}^`}</pre>
  </div>`;
}
