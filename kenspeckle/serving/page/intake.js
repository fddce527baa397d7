/** Pictures from elsewhere: dropped, pasted, picked, or taken with a camera. */
import { byId } from "./elements.js";

/** Hand over every list of files that comes in. */
export function intake(take) {
  const pad = byId("pad");
  for (const [button, input] of [["open", "file"], ["photograph", "camera"]]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", ({ target }) => {
      given(target.files, take);
      target.value = ""; // so that the same file can be picked again
    });
  }
  // where a finger points there is a camera; elsewhere the button would only open files
  byId("photograph").hidden = !matchMedia("(pointer: coarse)").matches;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    pad.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) pad.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    pad.classList.remove("over");
    given(event.dataTransfer.files, take);
  });
  document.addEventListener("paste", (event) => given(event.clipboardData.files, take));
}

function given(files, take) {
  if (files.length) take([...files]);
}
