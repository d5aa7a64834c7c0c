// A message's attempts from the ledger, as `klaviyo-destination trace` shows them.
import { html } from "../dom.js";
import { Outcome, Said } from "../parts.js";
import { duration, timeOfDay } from "../words.js";
import { query, useFetched } from "./fetched.js";

const OUTCOMES = { waiting: "queued", dead_lettered: "rejected" };

export function Story({ messageId, look }) {
  const { answer } = useFetched(`/api/story?${query({ message_id: messageId })}`, look);
  const story = answer?.story;
  if (!story) return answer && html`<p class="aside">The ledger knows nothing of it.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Attempts"><table>
    <thead><tr><th scope="col">Time</th><th scope="col">Function</th>
      <th scope="col">Operations</th><th scope="col">Became</th></tr></thead>
    <tbody>${story.attempts.map((attempt) => html`<${Attempt} attempt=${attempt} story=${story} />`)}</tbody>
  </table></div>`;
}

function Attempt({ attempt, story }) {
  const after = attempt.at - story.arrived_at;
  const groups = attempt.outcomes.length ? attempt.outcomes : [null];
  return groups.map((group, position) => html`<tr>
    <td class="time">${position === 0 && html`${timeOfDay(attempt.at)}${
      after >= 1 && html`<span class="aside"> after ${duration(after)}</span>`}`}</td>
    <td>${position === 0 && attempt.by}</td>
    <td><${Said} text=${group ? operations(group.operations) : "all"} longest=${120} /></td>
    <td class="fate">${group
      ? html`<${Outcome} outcome=${OUTCOMES[group.state] || group.state} />${
        why(group, attempt.at) && html`<span class="why"><${Said} text=${why(group, attempt.at)} longest=${200} /></span>`}`
      : html`<${Outcome} outcome="delivered" /><span class="why">sent again by Segment; nothing was sent to Klaviyo</span>`}</td>
  </tr>`);
}

function operations(names) {
  const numbers = new Map();
  for (const name of names) {
    const kind = name.split(":")[0];
    numbers.set(kind, (numbers.get(kind) || 0) + 1);
  }
  return [...numbers].map(([kind, number]) => (number > 1 ? `${number} ${kind}` : kind)).join(", ");
}

function why(group, at) {
  const said = [
    group.about,
    group.status && `Klaviyo’s ${group.status}`,
    group.code && `code ${group.code}`,
    group.pointer,
  ].filter(Boolean).join(", ");
  const parts = [
    [group.reason, said && `(${said})`].filter(Boolean).join(" "),
    group.until && `again after ${duration(Math.max(group.until - at, 0))}`,
    group.state === "unknown" && "the function was stopped, or could not record it",
    group.warnings && `without: ${group.warnings.join(", ")}`,
  ];
  return parts.filter(Boolean).join("; ");
}
