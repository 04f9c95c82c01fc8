// The keyboard, and the beginning.

const current = () => document.activeElement?.closest?.("#list article") ?? null;

const step = (by) => {
  const all = cards();
  const place = all.indexOf(current());
  if (place < 0) return focusPair(by > 0 ? 0 : -1);
  if (place + by >= 0 && place + by < all.length) return focusPair(place + by);
  if (by > 0 ? state.page < pages() - 1 : state.page > 0) toPage(state.page + by, by > 0 ? 0 : -1);
};

const ofCurrent = (what) => {
  if (!current()) focusPair(0);
  const article = current();
  if (article) what(article);
};

const slide = (by) => {
  const slider = current()?.querySelector("[data-compare=slider] .slide");
  if (!slider) return;
  slider.value = Number(slider.value) + by;
  slider.dispatchEvent(new Event("input"));
};

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => toPage(state.page + 1),
  p: () => toPage(state.page - 1),
  f: () => ofCurrent((article) => flicker(article.querySelector(".stage"))),
  s: () => ofCurrent((article) => article.querySelector("button.slider")?.click()),
  ArrowLeft: () => slide(-5),
  ArrowRight: () => slide(5),
  o: () => document.body.classList.toggle("bare"),
  c: () => ofCurrent((article) => article.querySelector("button.copy")?.click()),
  a: () => showEverything(!state.everything),
  "/": () => { byId("find").focus(); byId("find").select(); },
  "?": () => byId("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const typing = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
  if (event.key === "Escape") {
    stopFlicker();
    if (event.target === byId("find")) event.target.blur();
    return;
  }
  if (typing || !Object.hasOwn(KEYS, event.key)) return;
  if (event.key.startsWith("Arrow") && (!current() || event.target.matches(".slide"))) return;
  event.preventDefault();
  KEYS[event.key]();
});

let waiting = 0;
byId("find").addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { state.find = event.target.value; refresh(); }, data.rows.length > 2000 ? 150 : 0);
});
for (const id of ["check", "outcome", "kind", "order"]) {
  byId(id).addEventListener("change", (event) => { state[id] = event.target.value; refresh(); });
}
byId("failures").addEventListener("change", (event) => showEverything(!event.target.checked));
byId("help-open").addEventListener("click", () => byId("help").showModal());
for (const button of document.querySelectorAll("[data-compare][aria-pressed]")) {
  button.addEventListener("click", () => chooseCompare(button.dataset.compare));
}
for (const button of document.querySelectorAll(".show-pairs")) {
  button.addEventListener("click", () => showCheck(button.dataset.check));
}

document.body.classList.add("ready");
fillSelects();
showEverything(state.everything);
