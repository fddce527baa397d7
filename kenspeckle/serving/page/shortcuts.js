/** Single keys, while nobody writes and no list is open. */
import { byId } from "./elements.js";

/** Do `actions[key]` when a key is pressed; "?" shows the list. */
export function shortcuts(actions) {
  const keys = byId("keys");
  const all = { ...actions, "?": () => keys.showModal() };
  byId("help").addEventListener("click", () => keys.showModal());
  document.addEventListener("keydown", (event) => {
    const isBusy = keys.open || event.target.closest?.("select, textarea, input:not([type=range])");
    const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z";
    if (isBusy || (!isUndo && (event.ctrlKey || event.metaKey || event.altKey))) return;
    const action = isUndo ? all.u : all[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
