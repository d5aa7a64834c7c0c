// Delivered and queued messages a second, and below, on the same time axis, what waits.
import { html } from "./dom.js";
import { number } from "./words.js";

const SPAN = 180;
const WIDTH = 720;
const LEFT = 44;
const RIGHT = 8;
const TOP = { y: 26, height: 120 };
const BOTTOM = { y: 190, height: 90 };
const HEIGHT = 312;

// A round number at or above the value, so that the axis has whole steps.
function ceiling(value) {
  const steps = [2, 4, 6, 10, 20, 40, 60, 100];
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(value, 1))) - 1);
  return power * (steps.find((step) => step * power >= value) || 100);
}

// Counts since the start, as messages in each second.
function rates(looks) {
  return looks.slice(1).map((look, index) => {
    const before = looks[index];
    const seconds = Math.max(look.at - before.at, 0.5);
    return {
      at: look.at,
      delivered: (look.delivered - before.delivered) / seconds,
      queued: (look.queued - before.queued) / seconds,
    };
  });
}

export function Chart({ looks, now }) {
  const x = (at) => LEFT + (WIDTH - LEFT - RIGHT) * (1 - (now - at) / SPAN);
  const flows = rates(looks).filter((each) => each.at > now - SPAN);
  const stock = looks.filter((each) => each.at > now - SPAN);
  const most = ceiling(Math.max(2, ...flows.map((each) => each.delivered + each.queued)));
  const deepest = ceiling(Math.max(2, ...stock.map((each) => each.waiting)));
  const latest = looks.at(-1);
  const y = (value, of, panel) => panel.y + panel.height * (1 - value / of);
  const width = Math.max(1.5, ((WIDTH - LEFT - RIGHT) / SPAN) * 0.8);
  const bar = (each, from, to) => {
    const [bottom, top] = [y(from, most, TOP), y(to, most, TOP)];
    return `M${x(each.at) - width} ${bottom}V${top}h${width}V${bottom}z`;
  };
  const delivered = flows.filter((each) => each.delivered > 0)
    .map((each) => bar(each, 0, each.delivered)).join("");
  const queued = flows.filter((each) => each.queued > 0)
    .map((each) => bar(each, each.delivered, each.delivered + each.queued)).join("");
  const edge = stock.map((each) => `${x(each.at).toFixed(1)} ${y(each.waiting, deepest, BOTTOM).toFixed(1)}`);
  const floor = BOTTOM.y + BOTTOM.height;
  const area = edge.length > 1
    ? `M${x(stock[0].at)} ${floor}L${edge.join("L")}L${x(stock.at(-1).at)} ${floor}z` : "";
  const summary = latest
    ? `${number(latest.delivered)} messages delivered so far, ${number(latest.waiting)} entries waiting now.`
    : "Nothing measured yet.";
  return html`<figure class="chart">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${summary}>
      <${Panel} panel=${TOP} title="Messages a second" most=${most} />
      <path class="delivered" d=${delivered} />
      <path class="queued" d=${queued} />
      <${Panel} panel=${BOTTOM} title="Waiting in the queue" most=${deepest} />
      <path class="waiting-area" d=${area} />
      <path class="waiting-line" d=${edge.length > 1 ? `M${edge.join("L")}` : ""} />
      ${[180, 120, 60, 0].map((ago) => html`<text class="tick" key=${ago} x=${x(now - ago)}
        y=${HEIGHT - 10} text-anchor=${ago === 0 ? "end" : ago === SPAN ? "start" : "middle"}>${
          ago ? `${ago / 60} min ago` : "now"}</text>`)}
    </svg>
    <figcaption class="legend">
      <span class="swatch delivered">delivered</span>
      <span class="swatch queued">put in the queue</span>
      <span class="swatch waiting">waiting</span>
    </figcaption>
  </figure>`;
}

function Panel({ panel, title, most }) {
  return html`<g>
    <text class="panel-title" x=${LEFT} y=${panel.y - 10}>${title}</text>
    ${[0, 0.5, 1].map((part) => {
      const at = panel.y + panel.height * (1 - part);
      return html`<g key=${part}>
        <line class=${part ? "grid" : "axis"} x1=${LEFT} x2=${WIDTH - RIGHT} y1=${at} y2=${at} />
        <text class="tick" x=${LEFT - 8} y=${at + 4} text-anchor="end">${number(most * part)}</text>
      </g>`;
    })}
  </g>`;
}
