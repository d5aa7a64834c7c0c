// The page: which panel is shown, the state that all panels share, and a refresh of it each second.
import { ask } from "./api.js";
import { html, render, useCallback, useEffect, useLayoutEffect, useRef, useState } from "./dom.js";
import { Live } from "./live/panel.js";
import { Preview } from "./preview/panel.js";
import { Send } from "./send.js";
import { running } from "./preview/settings.js";
import { Weather } from "./weather.js";
import { number } from "./words.js";

const EVERY = 1000;
const ICON = new URL("icon.svg", import.meta.url).pathname;
const PANELS = [
  ["preview", "Preview", Preview, "See what a message becomes in Klaviyo, before anything is sent."],
  ["send", "Send", Send, "Send a message through the real handler, and follow it."],
  ["live", "Live", Live, "Incoming messages, the queues, and Klaviyo's data."],
  ["weather", "Weather", Weather, "Give Klaviyo a bad day, and see that nothing is lost."],
];
const THEMES = [["", "◐ Auto"], ["light", "◐ Light"], ["dark", "◐ Dark"]];

const panelOf = () => PANELS.find(([key]) => `#${key}` === location.hash) || PANELS[0];

// A draft survives a reload, if the browser allows it.
function remembered(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Too large for the session's storage.
  }
}

function useDraft(start) {
  const [draft, setDraft] = useState(() => {
    const kept = remembered("draft");
    const [first] = start.examples;
    return {
      text: kept?.text ?? first.text,
      example: kept?.example ?? first.name,
      settings: { ...running(start.settings), ...kept?.settings },
    };
  });
  useEffect(() => remember("draft", draft), [draft]);
  return [draft, setDraft];
}

function useLooks() {
  const [state, setState] = useState(null);
  const [problem, setProblem] = useState("");
  const isAsking = useRef(false);
  const refresh = useCallback(async () => {
    if (isAsking.current) return;
    isAsking.current = true;
    try {
      setState(await ask("/api/state"));
      setProblem("");
    } catch (error) {
      setProblem(error.message);
    }
    isAsking.current = false;
  }, []);
  useEffect(() => {
    refresh();
    const timer = setInterval(() => document.hidden || refresh(), EVERY);
    return () => clearInterval(timer);
  }, []);
  return { state, problem, refresh };
}

function Theme() {
  const [theme, setTheme] = useState(() => localStorage.getItem("theme") || "");
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  return html`<label class="theme" title="Colours"><span class="hidden-label">Colours</span>
    <select value=${theme} onChange=${(event) => setTheme(event.target.value)}>
      ${THEMES.map(([key, word]) => html`<option key=${key} value=${key}>${word}</option>`)}
    </select></label>`;
}

function Status({ start, state }) {
  const mood = start.moods.find((each) => each.kind === state.weather?.kind);
  const { waiting, dead } = state;
  const klaviyo = start.has_stand_in ? (mood ? mood.title : "Changed") : "the real one";
  const isFine = !start.has_stand_in || mood?.kind === "fine";
  return html`<div class="status">
    <a href="#weather" class=${isFine ? "" : "bad"}>Klaviyo: <strong>${klaviyo}</strong></a>
    ${state.per_second > 0 && html`<a href="#weather" class="on">Traffic <strong>${
      state.per_second} a second</strong></a>`}
    <a href="#live" class=${waiting.entries ? "wait" : ""}>Waiting <strong>${number(waiting.entries)}</strong></a>
    <a href="#live" class=${dead.entries ? "bad" : ""}>Dead letters <strong>${number(dead.entries)}</strong></a>
  </div>`;
}

function Page({ start: atFirst }) {
  const [start, setStart] = useState(atFirst);
  const renewStart = async () => setStart(await ask("/api/start"));
  const [panel, setPanel] = useState(panelOf);
  const [draft, setDraft] = useDraft(start);
  const [sent, setSent] = useState(null);
  const { state, problem, refresh } = useLooks();
  useEffect(() => {
    const turn = () => {
      setPanel(panelOf());
      scrollTo(0, 0);
    };
    addEventListener("hashchange", turn);
    return () => removeEventListener("hashchange", turn);
  }, []);
  const [key, title, Panel, about] = panel;
  useEffect(() => {
    document.title = `${title} · Klaviyo destination`;
  }, [title]);

  return html`
    <header class="top">
      <div class="top-row">
        <p class="brand"><img src=${ICON} alt="" width="28" height="28" />
          <span>Klaviyo destination</span></p>
        <nav aria-label="Panels">${PANELS.map(([each, word]) => html`<a key=${each} href=${`#${each}`}
          aria-current=${each === key ? "page" : undefined}>${word}</a>`)}</nav>
        ${state && html`<${Status} start=${start} state=${state} />`}
        <${Theme} />
      </div>
    </header>
    <main>
      <div class="page-head"><h1>${title}</h1><p>${about}</p></div>
      ${problem && html`<p class="lost" role="alert">${problem}</p>`}
      ${state
        ? html`<${Panel} key=${key} start=${start} state=${state} draft=${draft} setDraft=${setDraft}
            sent=${sent} setSent=${setSent} refresh=${refresh} renewStart=${renewStart} />`
        : html`<p class="loading">Loading …</p>`}
    </main>
    <footer><p>Only on this machine. ${start.has_stand_in
      ? "Klaviyo is a stand-in that checks each request as the real one does."
      : "What you send goes to the real Klaviyo."}</p></footer>`;
}

const root = document.getElementById("app");
try {
  const start = await ask("/api/start");
  root.textContent = "";
  render(html`<${Page} start=${start} />`, root);
} catch (error) {
  root.textContent = error.message;
}
