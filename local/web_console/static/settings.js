// Every setting of the mapping, as switches and fields. They count for the preview alone.
import { html } from "./dom.js";
import { Switch } from "./parts.js";

export const running = (inputs) =>
  Object.fromEntries(inputs.map((input) => [input.variable, input.running]));

export function SettingsForm({ inputs, values, problems, onChange }) {
  const changed = inputs.filter((input) => values[input.variable] !== input.running);
  return html`<section class="card settings" aria-labelledby="settings-title">
    <div class="card-head">
      <h2 id="settings-title">Settings</h2>
      ${changed.length > 0 && html`<button type="button" class="quiet"
        onClick=${() => onChange(running(inputs))}>Back to the running ones</button>`}
    </div>
    <p class="aside">For this preview only. What runs, and what Send uses, keeps its own.</p>
    <div class="setting-list">
      ${inputs.map((input) => html`<${Setting} key=${input.variable} input=${input}
        value=${values[input.variable]} problem=${problems[input.variable]}
        onChange=${(value) => onChange({ ...values, [input.variable]: value })} />`)}
    </div>
  </section>`;
}

function Setting({ input, value, problem, onChange }) {
  const { variable, label, text, kind } = input;
  const help = `help-${variable}`;
  const isChanged = value !== input.running;
  return html`<div class=${`setting ${isChanged ? "changed" : ""}`}>
    ${kind === "switch"
      ? html`<${Switch} label=${label} checked=${value === "true"} describedBy=${help}
          onChange=${(checked) => onChange(String(checked))} />`
      : html`<div class=${`setting-text ${kind === "lines" ? "setting-lines" : ""}`}>
          <label for=${`setting-${variable}`}>${label}</label>
          <${Field} input=${input} value=${value} isWrong=${Boolean(problem)} describedBy=${help}
            onChange=${onChange} />
        </div>`}
    <p id=${help} class="help">
      ${problem && html`<span class="problem">${problem[0].toUpperCase()}${problem.slice(1)}. </span>`}
      ${text} <code>${variable}</code>${isChanged && html` <span class="changed-mark">changed</span>`}
    </p>
  </div>`;
}

function Field({ input, value, isWrong, describedBy, onChange }) {
  const { variable, example, kind, choices } = input;
  const given = {
    id: `setting-${variable}`,
    value,
    "aria-describedby": describedBy,
    "aria-invalid": isWrong,
    onInput: (event) => onChange(event.target.value),
  };
  if (kind === "choice") {
    return html`<select ...${given}>
      ${choices.map((choice) => html`<option key=${choice} value=${choice}>${choice}</option>`)}
    </select>`;
  }
  if (kind === "lines") {
    return html`<textarea ...${given} rows="5" placeholder=${example} spellcheck=${false}></textarea>`;
  }
  const hint = input.default || (example ? `none, or for example ${example}` : "none");
  return html`<input ...${given} type="text" placeholder=${hint} spellcheck=${false}
    autocomplete="off" />`;
}
