// The field for choosing or pasting a message. An error in its JSON is shown at its place.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { visible } from "./visible.js";
import { number } from "./words.js";

const AROUND = 40;
const LARGE = 40_000;
const LINES_OF_LARGE = 300;
const LINE = 20;
const LINES_SEEN = 22;

// A browser needs seconds to lay out the text of thousands of messages, so only the beginning is shown.
function beginningOf(text) {
  let end = -1;
  for (let line = 0; line < LINES_OF_LARGE; line += 1) {
    end = text.indexOf("\n", end + 1);
    if (end < 0 || end > LARGE) return text.slice(0, LARGE);
  }
  return text.slice(0, end);
}

export function Editor({ examples, text, example, onText, error, problem, id = "message" }) {
  const isLarge = text.length > LARGE;
  const shown = useMemo(() => (isLarge ? beginningOf(text) : text), [text]);
  const area = useRef(null);
  const gutter = useRef(null);
  const bar = useRef(null);
  const lines = useMemo(() => shown.split("\n").length, [shown]);
  const [top, setTop] = useState(0);

  // The line numbers and the mark scroll with the text; only visible numbers are rendered.
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
  // A large text is never put into the field itself.
  const paste = (event) => {
    const pasted = event.clipboardData.getData("text");
    const { selectionStart: start, selectionEnd: end } = area.current;
    if (!isLarge && text.length + pasted.length - (end - start) <= LARGE) return;
    event.preventDefault();
    onText(isLarge ? pasted : text.slice(0, start) + pasted + text.slice(end), "");
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
        <textarea id=${id} ref=${area} value=${shown} readonly=${isLarge} spellcheck=${false} autocomplete="off"
          autocapitalize="off" wrap="off" dir="ltr" aria-invalid=${Boolean(error)}
          aria-describedby=${error ? `${id}-error` : undefined}
          onScroll=${follow} onPaste=${paste} onInput=${(event) => onText(event.target.value, "")}></textarea>
      </div>
    </div>
    ${isLarge && html`<p class="large aside"><span>This shows the beginning of a text of ${
      number(text.length)} characters. All of it is used. Paste another text over it, or start
      again.</span> <button type="button" class="quiet" onClick=${() => onText("", "")}>Clear</button></p>`}
    <div id=${`${id}-error`} role="alert">
      ${error && html`<div class="json-error">
        <p><strong>${isAt ? `Line ${error.line}, column ${error.column}` : "Not a message"}:</strong>
        ${" "}${error.detail}${error.detail.endsWith(".") ? "" : "."}</p>
        ${isAt && html`<${Excerpt} text=${text} error=${error} />`}
        ${isAt && error.offset < shown.length && html`<button type="button" class="quiet" onClick=${goThere}>Go there</button>`}
      </div>`}
      ${problem && html`<p class="json-error">${problem}</p>`}
    </div>
  </div>`;
}

// The line with the error, as far as it fits, with a caret under the place.
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
