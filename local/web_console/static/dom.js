// What the page is built with: Preact and htm, in one file of theirs.
export {
  html,
  render,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "./vendor/htm-preact-3.1.1.js";
