// Preview: what a message becomes, with these settings. Nothing is sent.
import { html, useState } from "../dom.js";
import { Editor } from "../editor.js";
import { usePreview } from "./computing.js";
import { Result } from "./result.js";
import { SettingsForm } from "./settings.js";

export function Preview({ start, draft, setDraft, renewStart }) {
  const [place, setPlace] = useState({ message: 0, request: 0 });
  const { answer, problem, isWorking } = usePreview(draft, place);
  const change = (changed) => {
    setPlace({ message: 0, request: 0 });
    setDraft({ ...draft, ...changed });
  };
  const isEmpty = !draft.text.trim();
  const error = isEmpty || isWorking ? undefined : answer?.error;
  return html`<div class="columns preview">
    <section class="card message" aria-labelledby="message-title">
      <div class="card-head"><h2 id="message-title">Message from Segment</h2></div>
      <${Editor} examples=${start.examples} text=${draft.text} example=${draft.example}
        error=${error} problem=${problem} onText=${(text, example) => change({ text, example })} />
    </section>
    <section class="result" role="region" aria-label="Result" tabindex="0" aria-busy=${isWorking}>
      <${Result} answer=${answer} isEmpty=${isEmpty} isWorking=${isWorking} start=${start}
        draft=${draft} place=${place} setPlace=${setPlace}
        onSetting=${(variable, value) => change({
          settings: { ...draft.settings, [variable]: value },
        })} />
    </section>
    <${SettingsForm} inputs=${start.settings} values=${draft.settings} renewStart=${renewStart}
      problems=${answer?.settings || {}} copies=${answer?.copies}
      onChange=${(settings) => change({ settings })} />
  </div>`;
}
