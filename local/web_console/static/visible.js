// Text of a message with escapes for what would hide, reorder or break it: the characters of
// Unicode's categories Cc, Cf, Cs, Zl and Zp. The command line has the same rule in cli/visible.py.
// A joiner between two characters beyond ASCII stays, as in Persian names and in emoji.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const JOINERS = "\u200c\u200d";

// JSON's escapes, so that a JSON text stays one.
const escaped = (found) => Array.from({ length: found.length }, (_, index) =>
  `\\u${found.charCodeAt(index).toString(16).padStart(4, "0")}`).join("");

const isBetween = (text, offset) =>
  text.charCodeAt(offset - 1) > 0x7f && text.charCodeAt(offset + 1) > 0x7f;

export const visible = (text) => text.replace(HIDDEN, (found, offset) => (
  JOINERS.includes(found) && isBetween(text, offset) ? found : escaped(found)));
