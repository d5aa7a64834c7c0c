// One dead letter: its operation or message, and its reason. It is redriven as it is, or corrected.
import { ask } from "../api.js";
import { html, useState } from "../dom.js";
import { JsonView } from "../json-view.js";
import { Said } from "../parts.js";
import { detailOf, kindOf } from "../words.js";

export function Letter({ letter, isChosen, isBusy, onChoose, redrive }) {
  const [content, setContent] = useState(null);
  const [problem, setProblem] = useState("");
  const details = detailOf(letter.reason);
  const open = async (event) => {
    if (!event.target.open || content !== null) return;
    try {
      setContent((await ask(`/api/dead/${letter.key}`)).content);
    } catch (error) {
      setProblem(error.message);
    }
  };
  const title = html`${kindOf(letter.kind)}${letter.name && html`: <${Said} text=${letter.name}
    longest=${60} />`}`;
  return html`<div class="letter">
    <input type="checkbox" checked=${isChosen} aria-label=${`Select ${letter.message_id || letter.kind}`}
      onChange=${(event) => onChoose(event.target.checked)} />
    <details onToggle=${open}>
      <summary><span class="row-title">${title}</span>
        <span class="aside"><${Said} text=${letter.who || letter.message_id || "without an id"}
          longest=${60} /></span></summary>
      <p class="aside"><code><${Said} text=${letter.reason.code || "unknown"} /></code>${
        letter.message_id && html` · <code><${Said} text=${letter.message_id} /></code>`}</p>
      ${details && html`<p><${Said} text=${details} longest=${400} /></p>`}
      <p class="problem" role="alert">${problem}</p>
      ${content !== null && html`<${Content} letter=${letter} content=${content} isBusy=${isBusy}
        redrive=${redrive} />`}
    </details>
  </div>`;
}

function Content({ letter, content, isBusy, redrive }) {
  const [text, setText] = useState(null);
  const id = `letter-${letter.key}`;
  if (text === null) {
    return html`<${JsonView} value=${content} label="Kept content" />
      <div class="actions">
        <button type="button" class="quiet" disabled=${isBusy}
          onClick=${() => redrive({ keys: [letter.key] })}>Redrive this one</button>
        ${letter.is_editable && html`<button type="button" class="quiet"
          onClick=${() => setText(JSON.stringify(content, null, 2))}>Correct it</button>`}
      </div>`;
  }
  return html`<label class="hidden-label" for=${id}>Corrected content</label>
    <textarea id=${id} class="correcting" rows="12" spellcheck=${false} value=${text} dir="ltr"
      onInput=${(event) => setText(event.target.value)}></textarea>
    <div class="actions">
      <button type="button" disabled=${isBusy} onClick=${async () => (
        await redrive({ key: letter.key, text })) && setText(null)}>Redrive it corrected</button>
      <button type="button" class="quiet" onClick=${() => setText(null)}>Leave it</button>
    </div>`;
}
