// What the page holds, and how it is put into words. Everything from data becomes text, never markup.

const data = JSON.parse(document.getElementById("data").textContent || '{"checks":[],"rows":[]}');
const byId = (id) => document.getElementById(id);

let pictures = null;
const picture = (place) => {
  pictures ??= JSON.parse(byId("pictures").textContent || "[]");
  return pictures[place];
};

/** An element with attributes and children; strings become text. */
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
};

const drawing = (tag, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

const OUTCOMES = {
  replicated: ["Replicated", "fail"],
  undecided: ["Undecided", "inconclusive"],
  expired: ["Acceptance expired", "fail"],
  accepted: ["Accepted", "none"],
  near: ["Close, no copy", "pass"],
};
const FAILED = new Set(["replicated", "undecided", "expired"]);

const icon = (name) =>
  drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: `#icon-${name}` }));

const plural = (count, one, several = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : several}`;

/** Three digits, or more where these would show a score as 1 or as a threshold that it is not, or as less. */
const score = (value, threshold) => {
  const tells = (places, limit) =>
    (Number(value.toFixed(places)) >= limit) === (value >= limit) &&
    (value === limit || value.toFixed(places) !== limit.toFixed(places));
  const limits = threshold == null ? [1] : [1, threshold];
  const places = [3, 4, 5, 6, 9].find((each) => limits.every((limit) => tells(each, limit)));
  return places ? value.toFixed(places) : String(value);
};

/** The one figure of a pair, and what it has to reach. */
const measure = (row) => {
  if (row.points != null) {
    return [String(row.points), row.points === 1 ? "point alike" : "points alike", row.needed ? `${row.needed} are enough` : ""];
  }
  if (row.score != null) {
    return [score(row.score, row.threshold), "score", row.threshold == null ? "" : `threshold ${row.threshold.toPrecision(9) * 1}`];
  }
  if (row.distance != null) {
    return [row.distance.toPrecision(3), row.rule || "distance", row.limit == null ? "" : `limit ${row.limit.toPrecision(3) * 1}`];
  }
  return ["–", "not measured", ""];
};
