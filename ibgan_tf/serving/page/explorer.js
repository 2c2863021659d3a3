// The explorer's page. It asks the server it came from, and nobody else.
"use strict";

const SILENT = 0.05; // nats; below it a dimension hardly changes the picture
const STRIP_DELAY = 150; // milliseconds

const byId = (id) => document.getElementById(id);
const shown = (value) => value.toFixed(2).replace("-", "\u2212");

let description;
let code;
let chosen; // the dimension of the strip
const rows = []; // {dimension, slider, output, element, button}

function say(text, isWrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", isWrong);
}

async function ask(path, body) {
  const isFile = body instanceof Blob;
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
    body: isFile ? body : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

// Draws the newest code whenever the one before is drawn: a fast hand doesn't fill a queue.
function drawer(image, path, question, done) {
  let busy = false;
  let again = false;
  return async function draw() {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      const start = performance.now();
      try {
        const blob = await (await ask(path, question())).blob();
        const old = image.src;
        image.src = URL.createObjectURL(blob);
        await image.decode();
        if (old.startsWith("blob:")) URL.revokeObjectURL(old);
        done(performance.now() - start);
      } catch (error) {
        say(error.message, true);
      }
    }
    busy = false;
  };
}

const drawPicture = drawer(byId("picture"), "/picture", () => ({ code }), (milliseconds) => {
  byId("picture").dataset.milliseconds = milliseconds.toFixed(1);
  byId("picture").dataset.drawn = Number(byId("picture").dataset.drawn ?? 0) + 1;
  say(`Drawn in ${milliseconds.toFixed(0)} ms`);
});

const drawStrip = drawer(
  byId("strip"),
  "/strip",
  () => ({ code, part: chosen.part, index: chosen.index }),
  () => { byId("strip").dataset.drawn = Number(byId("strip").dataset.drawn ?? 0) + 1; },
);

let waiting;

// The strip, eleven pictures, waits until the hand rests; it doesn't depend on its own dimension.
function draw(moved) {
  drawPicture();
  if (!chosen || moved === chosen) return;
  clearTimeout(waiting);
  waiting = setTimeout(drawStrip, STRIP_DELAY);
}

function setCode(newCode) {
  code = newCode;
  for (const { dimension, slider, output } of rows) {
    const value = code[dimension.part][dimension.index];
    // A slider's range grows to hold a value that lies beyond it.
    slider.min = Math.min(dimension.low, Math.floor(value));
    slider.max = Math.max(dimension.high, Math.ceil(value));
    slider.value = value;
    output.textContent = shown(value);
  }
  draw();
}

function choose(dimension) {
  chosen = dimension;
  for (const row of rows) {
    row.element.classList.toggle("chosen", row.dimension === chosen);
    row.button.setAttribute("aria-pressed", row.dimension === chosen);
  }
  byId("row").hidden = false;
  byId("chosen").textContent = name(chosen);
  byId("low").textContent = shown(chosen.low);
  byId("high").textContent = shown(chosen.high);
  drawStrip();
}

const name = (dimension) => `${dimension.part}${dimension.index}`;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function addRow(dimension, largest) {
  const label = name(dimension);
  const button = element("button", {
    type: "button", textContent: label, title: `Show pictures through the range of ${label}`,
    disabled: !description.strip,
  });
  const slider = element("input", {
    type: "range", min: dimension.low, max: dimension.high, step: 0.01, value: 0, id: label,
    ariaLabel: label,
  });
  const output = element("output", { textContent: shown(0) });
  output.htmlFor = label;
  const kl = element("span", { className: "kl" });
  if (dimension.kl !== null) {
    kl.append(
      element("meter", { min: 0, max: largest || 1, value: dimension.kl, ariaLabel: `KL of ${label}` }),
      element("span", { textContent: dimension.kl.toFixed(2) }),
    );
  }
  const made = element("div", { className: "dimension" }, button, kl, slider, output);
  made.classList.toggle("silent", dimension.kl !== null && dimension.kl < SILENT);
  slider.addEventListener("input", () => {
    code[dimension.part][dimension.index] = Number(slider.value);
    output.textContent = shown(Number(slider.value));
    draw(dimension);
  });
  button.addEventListener("click", () => choose(dimension));
  byId("sliders").append(made);
  rows.push({ dimension, slider, output, element: made, button });
}

async function takeCode(path, body) {
  try {
    setCode((await (await ask(path, body)).json()).code);
  } catch (error) {
    say(error.message, true);
  }
}

async function begin() {
  description = await (await fetch("/description")).json();
  document.title = description.title;
  byId("title").textContent = description.title;
  const largest = Math.max(...description.dimensions.map((dimension) => dimension.kl ?? 0));
  for (const dimension of description.dimensions) addRow(dimension, largest);
  for (const source of description.random) {
    const button = element("button", {
      type: "button", id: `random-${source}`, textContent: `Random ${source}`,
    });
    button.addEventListener("click", () => takeCode("/random", { source }));
    byId("random").append(button);
  }
  byId("reset").addEventListener("click", () => setCode(structuredClone(description.code)));
  byId("upload").hidden = !description.encode;
  byId("file").addEventListener("change", () => {
    const [file] = byId("file").files;
    if (file) takeCode("/encode", file);
    byId("file").value = ""; // so that the same file can be chosen again
  });
  setCode(structuredClone(description.code));
  if (description.strip) choose(description.dimensions[0]);
}

begin().catch((error) => say(error.message, true));
