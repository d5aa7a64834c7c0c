// Data that a part of the panel fetches itself: at each refresh of the page, and at once when the
// query changes. The old data stays visible until the next answer.
import { ask } from "../api.js";
import { useEffect, useState } from "../dom.js";

export function useFetched(path, look) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    ask(path, undefined, abort.signal).then(
      (answer) => setFound({ path, answer }),
      (error) => error.name === "AbortError" || setFound((before) => before),
    );
    return () => abort.abort();
  }, [path, look]);
  return { answer: found?.answer, isNew: found?.path === path };
}

export const query = (parameters) => new URLSearchParams(
  Object.entries(parameters).filter(([, value]) => value !== "" && value !== 0 && value !== null),
).toString();
