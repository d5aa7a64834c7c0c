// Outcomes, times and numbers in plain words.
export const OUTCOMES = new Map([
  ["delivered", { word: "Delivered", tone: "good" }],
  ["queued", { word: "Waiting", tone: "wait" }],
  ["dropped", { word: "Dropped", tone: "calm" }],
  ["rejected", { word: "Refused", tone: "bad" }],
  ["turned_away", { word: "Turned away", tone: "bad" }],
]);

// Why a whole request was turned away, by the code in the answer.
const TURNED_AWAY = new Map([
  ["invalid_signature", "The signature does not match the body. Segment would discard the batch."],
  ["invalid_token", "The token in Authorization is missing or wrong."],
  ["not_json", "The body is not JSON. Segment would discard it."],
  ["no_message", "There is no message in the body. Segment would discard it."],
  ["too_large", "The body is too large. Segment would discard it."],
  ["413", "The body is too large. Segment would discard it."],
  ["credentials_unavailable", "The secret cannot be read. Segment would retry."],
  ["queue_unavailable", "The queue did not accept what had to wait. Segment would retry."],
  ["internal_error", "A fault in this destination. Segment would retry."],
]);

export function explained(line, advice) {
  if (!line.reason) return "";
  if (line.outcome === "turned_away") return TURNED_AWAY.get(line.reason) || line.reason;
  const found = advice[line.reason];
  return found ? found.meaning : line.reason;
}

// Klaviyo's own words, or the field with the error.
export function detailOf(details, outcome) {
  const parts = [];
  if (details.status) {
    parts.push(`${outcome === "turned_away" ? "Answered with" : "Klaviyo answered"} ${details.status}`);
  }
  if (details.field) parts.push(details.field);
  if (details.detail) parts.push(details.detail);
  if (details.last) parts.push(`the last time: ${details.last}`);
  return parts.join(" · ");
}

// What is missing from a delivered message: codes, some with their field.
export function warningsOf(details, advice) {
  return (details.warnings || []).map((text) => {
    const [code, field] = text.split(": ", 2);
    const found = advice[code];
    return { text, field, meaning: found ? found.meaning : code, remedy: found?.remedy };
  });
}

const TIME = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const NUMBER = new Intl.NumberFormat("en-US");

export const timeOfDay = (seconds) => TIME.format(new Date(seconds * 1000));
export const number = (value) => NUMBER.format(value);
export const counted = (value, one, several) => `${number(value)} ${value === 1 ? one : several}`;

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export const KINDS = new Map([
  ["upsert_profile", "Profile"],
  ["create_event", "Event"],
  ["add_to_list", "Joining a list"],
  ["remove_from_list", "Leaving a list"],
  ["subscribe", "Subscription"],
  ["unsubscribe", "Unsubscription"],
  ["delete_profile", "Deletion"],
  ["merge_profiles", "Merge"],
  ["check_import", "Import check"],
  ["message", "Message"],
  ["messages", "Messages"],
  ["unreadable", "Unreadable"],
]);

export const kindOf = (kind) => KINDS.get(kind) || kind;
