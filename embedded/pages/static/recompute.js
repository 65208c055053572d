// A form marked data-recompute answers while it is changed: the page is asked for again with its fields, and the parts
// marked data-result are put in place of the old ones. While something is marked data-later, the server is still at it, and
// is asked again. A slider and a number box that belong together follow each other.
"use strict";

const PAUSE_MS = 150;
const LATER_MS = 1000;

function follow(form, moved) {
  const name = moved.dataset.twin || moved.name;
  const box = form.elements[name];
  const slider = form.querySelector(`[data-twin="${CSS.escape(name)}"]`);
  if (slider && moved !== slider) slider.value = box.value;
  if (slider && moved === slider) box.value = slider.value;
  if (box && "all" in box.dataset) {
    form.querySelectorAll("[data-one]").forEach((one) => { one.value = box.value; });
    form.querySelectorAll("[data-twin]").forEach((twin) => { twin.value = box.value; });
  }
}

async function recompute(form, signal) {
  const address = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
  const answer = await fetch(address, { signal, redirect: "error" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fresh of page.querySelectorAll("[data-result]")) {
    const old = document.getElementById(fresh.id);
    if (old) old.replaceChildren(...fresh.childNodes);
  }
  if (answer.ok) history.replaceState(null, "", address);
}

function watch(form) {
  let timer = 0;
  let running = new AbortController();
  const results = document.querySelectorAll("[data-result]");
  const state = document.getElementById("live-state");
  form.querySelectorAll("[data-without-script]").forEach((each) => { each.hidden = true; });
  function ask(after) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (!form.checkValidity()) return;
      running.abort();
      running = new AbortController();
      const { signal } = running;
      results.forEach((each) => each.setAttribute("aria-busy", "true"));
      try {
        await recompute(form, signal);
        state.textContent = "";
        askLater();
      } catch {
        if (signal.aborted) return; // a newer question is on its way
        state.textContent = "The engine does not answer; what you see is old.";
      }
      results.forEach((each) => each.removeAttribute("aria-busy"));
    }, after);
  }
  function askLater() {
    if (document.querySelector("[data-later]")) ask(LATER_MS);
  }
  askLater();
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(0); });
  form.addEventListener("input", (event) => { follow(form, event.target); ask(PAUSE_MS); });
}

document.querySelectorAll("form[data-recompute]").forEach(watch);
