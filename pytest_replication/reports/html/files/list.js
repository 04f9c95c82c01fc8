// Which pairs are shown: filters, order, pages. Only one page of pairs is ever in the document.

const PAGE = 20;
const state = { find: "", check: "", outcome: "", kind: "", order: "rank", page: 0, compare: "beside", everything: document.body.dataset.everything === "true" };
let found = [];

const haystack = new WeakMap();
const searched = (row) => {
  if (!haystack.has(row)) {
    const told = [row.sample, row.training, row.prompt, row.caption, row.label, row.class, row.seed, row.reason];
    haystack.set(row, told.filter((value) => value != null).join("\n").toLowerCase());
  }
  return haystack.get(row);
};

const ORDERS = {
  rank: (a, b) => a.rank - b.rank,
  score: (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity),
  points: (a, b) => (b.points ?? -1) - (a.points ?? -1),
  times: (a, b) => (b.times ?? 0) - (a.times ?? 0) || (a.training ?? "").localeCompare(b.training ?? ""),
  copies: (a, b) => (b.copies ?? 0) - (a.copies ?? 0),
  sample: (a, b) => names.compare(a.sample ?? "", b.sample ?? ""),
  training: (a, b) => names.compare(a.training ?? "", b.training ?? ""),
};
const names = new Intl.Collator("en", { numeric: true });

const select = () => {
  const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
  found = data.rows.filter((row) =>
    (state.everything || state.outcome !== "" || FAILED.has(row.outcome)) &&
    (state.check === "" || row.check === Number(state.check)) &&
    (state.outcome === "" || row.outcome === state.outcome) &&
    (state.kind === "" || row.kind === state.kind) &&
    words.every((word) => searched(row).includes(word)));
  found.sort((a, b) => ORDERS[state.order](a, b) || a.rank - b.rank);
};

const pages = () => Math.max(1, Math.ceil(found.length / PAGE));

const turnButtons = () => {
  const last = pages() - 1;
  for (const nav of document.querySelectorAll(".turn")) {
    const go = (label, page, off) => make("button", { type: "button", disabled: off, onclick: () => toPage(page) }, label);
    nav.replaceChildren(...(last ? [
      go("First", 0, !state.page), go("Before", state.page - 1, !state.page),
      make("span", {}, `page ${(state.page + 1).toLocaleString("en")} of ${(last + 1).toLocaleString("en")}`),
      go("Next", state.page + 1, state.page === last), go("Last", last, state.page === last),
    ] : []));
  }
};

const empty = () => {
  if (!data.rows.length) return ["No pair stands in the results of this run."];
  const close = data.rows.filter((row) => !FAILED.has(row.outcome)).length;
  if (!state.everything && close && state.find === "" && state.check === "" && state.kind === "") {
    return ["Nothing is replicated. ", make("button", { type: "button", onclick: () => showEverything(true) }, `Show ${plural(close, "pair")} that do not count`)];
  }
  return ["No pair is like that. ", make("button", { type: "button", onclick: clear }, "Show all again")];
};

const show = () => {
  stopFlicker();
  const start = state.page * PAGE;
  const shown = found.slice(start, start + PAGE);
  const list = byId("list");
  list.replaceChildren(...(shown.length ? shown.map(card) : [make("li", { class: "empty" }, ...empty())]));
  list.start = start + 1;
  for (const element of list.querySelectorAll(".stage")) whenShown(element);
  byId("count").textContent = found.length
    ? `${(start + 1).toLocaleString("en")}–${(start + shown.length).toLocaleString("en")} of ${plural(found.length, "pair")}${found.length < data.rows.length ? `, ${data.rows.length.toLocaleString("en")} in all` : ""}`
    : "No pair";
  turnButtons();
};

/** Compare as chosen for all pairs, once the sizes of the pictures are known. */
const whenShown = (element) => {
  if (state.compare === "beside") return compare(element, "beside");
  Promise.all([...element.querySelectorAll("img")].map((image) => image.decode().catch(() => null)))
    .then(() => { if (element.isConnected) compare(element, state.compare === "slider" ? "slider" : "beside"); });
};

const refresh = () => {
  state.page = 0;
  select();
  show();
};

const toPage = (page, focus = 0) => {
  state.page = Math.min(Math.max(page, 0), pages() - 1);
  show();
  focusPair(focus);
};

const cards = () => [...document.querySelectorAll("#list article")];

const focusPair = (place) => {
  const all = cards();
  const article = all.at(place);
  article?.focus({ preventScroll: true });
  article?.scrollIntoView({ block: "nearest" });
};

const clear = () => {
  for (const id of ["find", "check", "outcome", "kind"]) {
    state[id] = "";
    byId(id).value = "";
  }
  showEverything(true);
};

const showEverything = (everything) => {
  state.everything = everything;
  byId("failures").checked = !everything;
  let hidden = 0;
  for (const item of document.querySelectorAll(".checks > li")) {
    item.hidden = !everything && item.dataset.outcome === "pass";
    hidden += item.hidden;
  }
  byId("checks-hidden").textContent = hidden ? `${plural(hidden, "check")} passed, not shown` : "";
  refresh();
};

const showCheck = (place) => {
  byId("check").value = state.check = place;
  if (!data.rows.some((row) => row.check === Number(place) && FAILED.has(row.outcome))) state.everything = true;
  showEverything(state.everything);
  byId("pairs").scrollIntoView();
  byId("pairs").focus({ preventScroll: true });
};

const chooseCompare = (how) => {
  state.compare = how;
  stopFlicker();
  for (const button of document.querySelectorAll("[data-compare][aria-pressed]")) {
    button.setAttribute("aria-pressed", button.dataset.compare === how);
  }
  for (const element of document.querySelectorAll(".stage")) whenShown(element);
};

const fillSelects = () => {
  const counts = new Map();
  for (const row of data.rows) counts.set(row.check, (counts.get(row.check) ?? 0) + 1);
  byId("check").replaceChildren(
    make("option", { value: "" }, "all"),
    ...[...counts].sort((a, b) => a[0] - b[0]).map(([place, count]) =>
      make("option", { value: place }, `${data.checks[place]?.name ?? place} (${count.toLocaleString("en")})`)),
  );
  const outcomes = new Map();
  for (const row of data.rows) outcomes.set(row.outcome, (outcomes.get(row.outcome) ?? 0) + 1);
  byId("outcome").replaceChildren(
    make("option", { value: "" }, "all"),
    ...Object.entries(OUTCOMES).filter(([name]) => outcomes.has(name)).map(([name, [word]]) =>
      make("option", { value: name }, `${word} (${outcomes.get(name).toLocaleString("en")})`)),
  );
};
