// Requests the preview of the editor's current text. The newest input wins: an older request is
// aborted here, and the console stops working on it.
import { ask } from "../api.js";
import { useEffect, useRef, useState } from "../dom.js";

const PAUSE = 150;

const PAGE = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
let input = 0;

export const question = (draft) => ({
  text: draft.text, settings: draft.settings, page: PAGE, input,
});

export function usePreview(draft, place) {
  const [answered, setAnswered] = useState(null);
  const [problem, setProblem] = useState("");
  const asked = useRef(null);
  useEffect(() => {
    const abort = new AbortController();
    const isNew = asked.current?.text !== draft.text || asked.current?.settings !== draft.settings;
    if (isNew) input += 1;
    asked.current = draft;
    const look = async () => {
      try {
        const answer = await ask("/api/preview", {
          ...question(draft), first_message: place.message, first_request: place.request,
        }, abort.signal);
        if (answer.is_superseded) return;
        setAnswered({ answer, draft, place });
        setProblem("");
      } catch (error) {
        if (error.name === "AbortError" || abort.signal.aborted) return;
        setProblem(error.message);
        setAnswered((before) => before && { ...before, draft, place });
      }
    };
    const timer = setTimeout(look, isNew && answered ? PAUSE : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [draft.text, draft.settings, place]);
  const isWorking = !answered || answered.draft.text !== draft.text
    || answered.draft.settings !== draft.settings || answered.place !== place;
  return { answer: answered?.answer, problem, isWorking };
}
