// Every setting of the mapping, as switches and fields: for the preview, to copy for other tools, and
// for the running destination once they are applied.
import { ask } from "../api.js";
import { html, useState } from "../dom.js";
import { Copy, Switch } from "../parts.js";

export const running = (inputs) =>
  Object.fromEntries(inputs.map((input) => [input.variable, input.running]));

export function SettingsForm({ inputs, values, problems, copies, onChange, renewStart }) {
  const changed = inputs.filter((input) => values[input.variable] !== input.running);
  return html`<section class="card settings" aria-labelledby="settings-title">
    <div class="card-head">
      <h2 id="settings-title" tabindex="-1">Settings</h2>
      ${changed.length > 0 && html`<button type="button" class="quiet"
        onClick=${() => onChange(running(inputs))}>Back to the running settings</button>`}
    </div>
    <p class="aside">For this preview only, until you use them for Send.</p>
    <${Apply} values=${values} isChanged=${changed.length > 0} renewStart=${renewStart} />
    <div class="setting-list">
      ${inputs.map((input) => html`<${Setting} key=${input.variable} input=${input}
        value=${values[input.variable]} problem=${problems[input.variable]}
        onChange=${(value) => onChange({ ...values, [input.variable]: value })} />`)}
    </div>
    <${Copies} copies=${copies} />
  </section>`;
}

function Apply({ values, isChanged, renewStart }) {
  const [news, setNews] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const apply = async () => {
    setIsBusy(true);
    try {
      const answer = await ask("/api/settings", { settings: values });
      await renewStart();
      setNews(answer.settings ? "A setting cannot be read." : "Send uses them now.");
    } catch (error) {
      setNews(error.message);
    }
    setIsBusy(false);
  };
  return html`<div class="actions apply">
    ${isChanged && html`<button type="button" onClick=${apply} disabled=${isBusy}>${
      isBusy ? "Restarting the functions …" : "Use these for Send"}</button>`}
    <p role="status" class="news">${isChanged && !isBusy ? "" : news}</p>
  </div>`;
}

const FORMS = [
  ["environment", "Environment", "as environment variables, for make run and --env-file"],
  ["options", "Options", "for the command line: klaviyo-destination preview …"],
  ["parameters", "Deploy", "in stacks/<name of the stack>.yaml, for make deploy"],
];

// The settings that are not the default, in the forms of other tools.
function Copies({ copies }) {
  if (!copies) return null;
  if (!copies.environment) return html`<p class="aside copies">All of them are the defaults.</p>`;
  return html`<div class="copies"><h3>Copy the settings</h3>
    ${FORMS.map(([key, word, use]) => html`<div class="copy" key=${key}>
      <span class="row-head"><strong>${word}</strong> <span class="aside">${use}</span>
        <${Copy} text=${() => copies[key]} label=${`Copy ${word.toLowerCase()}`} /></span>
      <pre tabindex="0" role="group" aria-label=${word}>${copies[key]}</pre>
    </div>`)}
  </div>`;
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
