// Keeps what is marked data-live fresh: asks for the page again and puts its new part in place of the old one.
// Stops while the page is hidden or somebody selects text, and says so when the engine does not answer.
// Where the sections do not all fit, the one that is shown is brought into sight.
"use strict";

const EVERY_MS = 2000;
const AT_MOST_MS = 30000;

function isReading(region) {
  const selected = document.getSelection();
  return (selected && !selected.isCollapsed) || region.contains(document.activeElement);
}

async function refresh(region) {
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store", redirect: "error" });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-live]");
  if (!fresh) throw new Error("no live part");
  const offsets = [...region.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  region.replaceChildren(...fresh.childNodes);
  region.querySelectorAll(".scroll").forEach((each, number) => { each.scrollLeft = offsets[number] || 0; });
}

async function follow(region, state) {
  let pause = EVERY_MS;
  for (;;) {
    await new Promise((resume) => setTimeout(resume, pause));
    if (document.hidden || isReading(region)) continue;
    try {
      await refresh(region);
      if (state.textContent) state.textContent = "";
      pause = EVERY_MS;
    } catch {
      state.textContent = "The engine does not answer; what you see is old.";
      pause = Math.min(pause * 2, AT_MOST_MS);
    }
  }
}

function showCurrent(current) {
  const sections = current.parentElement, place = current.getBoundingClientRect(), frame = sections.getBoundingClientRect();
  sections.scrollLeft += place.left - frame.left - (frame.width - place.width) / 2;
}

const current = document.querySelector("header nav [aria-current]");
if (current) showCurrent(current);
const region = document.querySelector("[data-live]");
if (region) follow(region, document.getElementById("live-state"));
