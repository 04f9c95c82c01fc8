// One pair: what it is, both pictures, and the command that makes the sample again.

const fact = (name, ...values) =>
  values.every((value) => value == null || value === "") ? null : make("div", {}, make("dt", {}, name), make("dd", { dir: "auto" }, ...values));

const points = (count) => `${plural(count, "point")} alike`;

const copied = (row) => {
  if (row.kind !== "part") {
    if (row.within) return `the whole image; a part of it has ${points(row.within)}`;
    if (row.elsewhere) return `the whole image; a part of it has ${points(row.pointsElsewhere)} with ${row.elsewhere}, likelier the original`;
    return "the whole image";
  }
  const told = ["a part"];
  if (row.correlation != null) told.push(`correlation ${row.correlation.toFixed(2)}`);
  if (row.mirrored) told.push("mirrored");
  if (row.scale != null && Math.abs(row.scale - 1) > 0.02) told.push(`in the training image ${row.scale.toFixed(2)} times as large`);
  if (row.degrees != null && Math.abs(row.degrees) > 1) told.push(`turned by ${row.degrees.toFixed(0)}°`);
  if (row.score != null) told.push(`score of the whole images ${score(row.score)}`);
  return told.join(", ");
};

/** How often the training image stands in the training set, and how many samples copy it. */
const multiplicity = (row) => {
  const told = [];
  if (row.copies > 1) {
    told.push(row.exact === row.copies ? `${row.copies.toLocaleString("en")} times in the training set` : `${row.copies.toLocaleString("en")} training images are like it${row.exact > 1 ? `, ${row.exact} exactly` : ""}`);
  }
  if (row.times > 1) told.push(`copied by ${row.times.toLocaleString("en")} samples`);
  return told.join("; ");
};

const copyText = async (text, button) => {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = document.execCommand?.("copy") ? "Copied" : "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
};

const again = (row) => {
  if (!row.again) return null;
  const copy = make("button", { type: "button", class: "copy", onclick: () => copyText(row.again, copy) }, "Copy");
  return make("div", { class: "again" }, make("span", { class: "quiet" }, "Make the sample again"), make("div", {}, make("code", { tabindex: 0 }, row.again), copy));
};

const card = (row) => {
  const [figure, unit, needed] = measure(row);
  const [word, look] = OUTCOMES[row.outcome] ?? OUTCOMES.undecided;
  const title = `pair-${row.rank}`;
  const shown = stage(row);
  const buttons = shown.dataset.both !== "true" ? null : make(
    "div", { class: "buttons" },
    make("button", { type: "button", class: "flick", onclick: () => flicker(shown) }, "Flicker ", make("kbd", {}, "f")),
    make("button", { type: "button", class: "slider", onclick: () => { stopFlicker(); compare(shown, shown.dataset.compare === "slider" ? "beside" : "slider"); } }, "Slider ", make("kbd", {}, "s")),
  );
  const facts = make(
    "dl", { class: "facts" },
    fact("Sample", row.sample, row.sampleView ? ` (${row.sampleView})` : ""),
    fact("Seed", row.seed), fact("Class", row.class), fact("Prompt", row.prompt),
    fact("Training image", row.training, row.view ? ` (${row.view})` : ""),
    fact("Caption", row.caption), fact("Label", row.label),
    fact("Copied", row.outcome === "near" ? "" : copied(row)),
    fact("Multiplicity", multiplicity(row)),
    fact("p-value", row.p == null ? "" : row.p.toPrecision(2)),
    fact("Reason", row.reason),
    fact("Last release", row.then),
    data.checks.length > 1 ? fact("Check", data.checks[row.check]?.name) : null,
  );
  return make(
    "li", {},
    make(
      "article", { class: `pair ${look}`, tabindex: -1, "aria-labelledby": title, "data-rank": row.rank },
      make("div", { class: "left" }, shown, buttons),
      make(
        "div", { class: "right" },
        make(
          "h3", { id: title }, make("span", { class: "number" }, `${row.rank + 1}`),
          make("span", { class: "measure" }, make("b", {}, figure), ` ${unit}`),
          needed && make("span", { class: "quiet" }, needed),
          make("span", { class: `chip ${look}` }, icon(look), word),
        ),
        facts, again(row),
      ),
    ),
  );
};
