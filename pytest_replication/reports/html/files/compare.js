// Two pictures of a pair: beside each other, one over the other with a slider, or in turns.

const still = matchMedia("(prefers-reduced-motion: reduce)");
const TURN = 600; // milliseconds: slow enough to harm no one, fast enough to see what moves
let flickering = null;

const outline = (corners) => {
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const line = (name) => drawing("polygon", { points, class: name, "vector-effect": "non-scaling-stroke" });
  return drawing(
    "svg", { class: "outline", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    line("dark"), line("light"),
  );
};

const frame = (row, side) => {
  const training = side === 1;
  const what = training ? "Training image" : "Sample";
  const name = (training ? row.training : row.sample) || "without a name";
  const place = row.pictures?.[side];
  const corners = training ? row.inTraining : row.inSample;
  const shown = make("div", { class: "frame" });
  if (typeof place === "number") {
    const part = corners ? ", the copied part outlined" : "";
    const image = make("img", { alt: `${what} ${name}${part}`, decoding: "async", draggable: "false", onload: () => {
      shown.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
      image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) < 128);
    } });
    image.src = picture(place);
    shown.append(image);
    if (corners) shown.append(outline(corners));
  } else if (typeof place === "string") {
    shown.append(make("p", { class: "absent" }, "Left out for the size of this page: ", make("a", { href: place }, "open the file beside it")));
  } else {
    shown.append(make("p", { class: "absent" }, row.pictures ? "The picture is not at hand" : "No picture"));
  }
  return make("figure", { class: training ? "training" : "sample" }, shown, make("figcaption", {}, what));
};

/** Both pictures of a pair. `beside`, `slider` or `flicker` is told by the attribute data-compare. */
const stage = (row) => {
  const both = row.pictures?.every((place) => typeof place === "number") ?? false;
  const element = make("div", { class: "stage", "data-compare": "beside", "data-both": String(both) }, frame(row, 0), frame(row, 1));
  if (both) {
    const slider = make("input", {
      type: "range", min: 0, max: 100, value: 50, class: "slide", "aria-label": "Share of the sample that is shown over the training image",
      oninput: () => element.style.setProperty("--shown", `${slider.value}%`),
    });
    element.append(slider);
    if (row.inSample && row.inTraining) element.aligned = alignment(row.inTraining, row.inSample);
  }
  return element;
};

/** Affine map (least squares) that lays corners of one outline on those of another; null where none does. */
const alignment = (from, to) => {
  if (from.length !== to.length || from.length < 3) return null;
  const rows = from.map(([x, y]) => [x, y, 1]);
  const sums = [0, 1, 2].map((i) => [0, 1, 2].map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)));
  const solved = [0, 1].map((axis) =>
    solve(sums, [0, 1, 2].map((i) => rows.reduce((sum, row, place) => sum + row[i] * to[place][axis], 0))));
  return solved.every(Boolean) ? solved : null;
};

/** Cramer's rule for three unknowns. */
const solve = (matrix, right) => {
  const det = ([a, b, c]) =>
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
  const whole = det(matrix);
  if (Math.abs(whole) < 1e-9) return null;
  return [0, 1, 2].map((column) =>
    det(matrix.map((row, place) => row.map((value, at) => (at === column ? right[place] : value)))) / whole);
};

/** Lay the training image over the sample so that the copied parts cover each other. */
const lay = (element, over) => {
  const [mine, theirs] = element.querySelectorAll(".frame");
  theirs.style.transform = "";
  if (!over || !element.aligned) return;
  const [a, b] = [mine.getBoundingClientRect(), theirs.getBoundingClientRect()];
  if (!b.width || !b.height) return;
  const [[xx, xy, x], [yx, yy, y]] = element.aligned;
  const matrix = [
    (xx * a.width) / b.width, (yx * a.height) / b.width, (xy * a.width) / b.height, (yy * a.height) / b.height,
    x * a.width + a.left - b.left, y * a.height + a.top - b.top,
  ];
  theirs.style.transform = `matrix(${matrix.map((value) => value.toFixed(5)).join(",")})`;
};

const compare = (element, how) => {
  if (element.dataset.both !== "true" && how !== "beside") return;
  element.dataset.compare = how;
  delete element.dataset.turn;
  lay(element, how !== "beside");
};

addEventListener("resize", () => {
  for (const element of document.querySelectorAll(".stage:not([data-compare=beside])")) lay(element, true);
});

const stopFlicker = () => {
  clearInterval(flickering?.timer);
  if (flickering) compare(flickering.element, flickering.before);
  flickering = null;
};

const turn = (element) => {
  element.dataset.turn = element.dataset.turn === "training" ? "sample" : "training";
};

/** Begin to show the pictures in turns, or end it. Who wants no motion turns them by each press. */
const flicker = (element) => {
  if (element.dataset.both !== "true") return;
  if (still.matches && flickering?.element === element) return turn(element);
  const ended = flickering?.element === element;
  stopFlicker();
  if (ended) return;
  const before = element.dataset.compare;
  compare(element, "flicker");
  turn(element);
  const timer = still.matches ? 0 : setInterval(() => turn(element), TURN);
  flickering = { element, before: before === "flicker" ? "beside" : before, timer };
};
