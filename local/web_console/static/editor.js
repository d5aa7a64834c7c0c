// Where a message is chosen or pasted. What is wrong with its JSON is shown where it is.
import { html, useEffect, useLayoutEffect, useRef } from "./dom.js";

const AROUND = 40;

export function Editor({ examples, text, example, onText, error, problem, id = "message" }) {
  const area = useRef(null);
  const gutter = useRef(null);
  const bar = useRef(null);
  const lines = text.split("\n").length;

  // The line numbers and the mark move with the text.
  const follow = () => {
    gutter.current.scrollTop = area.current.scrollTop;
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
        Array.from({ length: lines }, (_, index) => index + 1).join("\n")}</pre>
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
    <pre><bdi>${line.slice(from, at + AROUND)}</bdi></pre>
    <pre class="caret" aria-hidden="true">${`${" ".repeat(at - from)}^`}</pre>
  </div>`;
}
