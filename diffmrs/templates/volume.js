"use strict";
// Ties maps, voxel and address together.
const at = (id) => document.getElementById(id);
const state = { map: 0, slice: 0, spectrum: page.extras[0] || 0, voxel: null, zoom: 1 };
const scales = page.maps.map((one) => [...one.limits]);

function spectrumName(spectrum) {
  if (page.extra.length < 2) return page.extraNames.length ? `${page.extraNames[0]} ${spectrum}` : String(spectrum);
  let rest = spectrum;
  const indices = page.extra.map(() => 0);
  for (let axis = page.extra.length - 1; axis >= 0; axis--) {
    indices[axis] = rest % page.extra[axis];
    rest = (rest - indices[axis]) / page.extra[axis];
  }
  return `${spectrum} (${indices.map((index, axis) => [page.extraNames[axis], index].filter((part) => part !== undefined).join(" ")).join(", ")})`;
}

function draw() {
  const one = page.maps[state.map], limits = scales[state.map];
  [...at("thumbs").children].forEach((button, map) => {
    button.setAttribute("aria-pressed", String(map === state.map));
    const small = picture(map, state.slice, state.spectrum, scales[map]), canvas = button.firstChild;
    canvas.width = small.width;
    canvas.height = Math.max(1, Math.round(small.height * view.aspect));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
  });
  drawMap(at("map"), state, limits, at("strike").checked, at("dots").checked);
  drawBar(at("bar"), state.map, limits, parseFloat(at("map").style.height));
  at("slice").value = state.slice;
  at("slice-number").textContent = state.slice;
  at("extra").value = state.spectrum;
  at("scale-control").hidden = one.labels.length > 0;
  at("low").value = inDigits(limits[0]);
  at("high").value = inDigits(limits[1]);
  at("meaning").textContent = `${one.name}${one.unit ? ` (${one.unit})` : ""}: ${one.meaning}.`;
  drawVoxel();
}

function drawVoxel() {
  if (!state.voxel) return;
  const row = rowAt(state.voxel, state.spectrum), shown = row >= 0 && curveOf[row] >= 0;
  at("place").textContent = `Voxel (${state.voxel.join(", ")})` + (page.nExtra > 1 ? `, spectrum ${spectrumName(state.spectrum)}` : "");
  const values = row < 0 ? [] : page.maps.map((one, map) => [one.name, mapText(map, mapValue(map, row))]);
  at("values").replaceChildren(...values.map(([name, text]) => {
    const pair = element("span", `${name} `);
    pair.append(element("b", text));
    return pair;
  }));
  fillAlarms(at("alarms"), row);
  fillTable(at("table"), row);
  at("spectrum").hidden = !shown;
  at("at").textContent = "\u00a0"; // what was under the pointer belongs to another spectrum
  at("at").hidden = !shown;
  at("absent").hidden = shown;
  if (shown) drawSpectrum(at("spectrum"), row, state.zoom, at("same").checked);
  else explainAbsence(row);
  at("zoom-number").textContent = inDigits(state.zoom, 2);
}

function explainAbsence(row) {
  const box = at("absent"), other = row < 0 ? null : nearest(state.voxel, state.spectrum);
  box.textContent = row < 0 ? "This voxel was not fitted, or is not on this page." : `The spectrum${tableOf[row] < 0 ? " and the table" : ""} of this voxel ${tableOf[row] < 0 ? "are" : "is"} not on this page. `;
  if (!other) return;
  const button = element("button", `Show the nearest that is: (${other.voxel.join(", ")})`);
  button.type = "button";
  button.addEventListener("click", () => choose(other.voxel, other.spectrum));
  box.append(button);
}

function choose(voxel, spectrum = state.spectrum) {
  if (!inVolume(voxel) || !(spectrum >= 0 && spectrum < page.nExtra)) return;
  Object.assign(state, { voxel, spectrum, slice: voxel[view.through] });
  const address = `#voxel=${[...voxel, spectrum].join(",")}`;
  if (location.hash !== address) history.replaceState(null, "", address);
  draw();
}

// The voxel that the address names, if it names one.
function addressed() {
  const found = /voxel=(\d+),(\d+),(\d+)(?:,(\d+))?/.exec(location.hash);
  if (!found) return false;
  const voxel = found.slice(1, 4).map(Number);
  if (!inVolume(voxel)) return false;
  choose(voxel, found[4] === undefined ? state.spectrum : Number(found[4]));
  return state.voxel !== null;
}

function begin() {
  page.maps.forEach((one, map) => {
    const button = element("button", "");
    button.type = "button";
    button.title = one.meaning;
    button.append(document.createElement("canvas"), one.name);
    button.addEventListener("click", () => { state.map = map; draw(); });
    at("thumbs").append(button);
  });
  at("slice").max = page.shape[view.through] - 1;
  at("slice-control").hidden = page.shape[view.through] < 2;
  page.extras.forEach((spectrum) => at("extra").append(new Option(spectrumName(spectrum), spectrum)));
  at("dots-control").hidden = !curveRows.length || curveRows.length === nRows;
  at("extra-control").hidden = page.extras.length < 2;
  if (addressed()) return;
  // The middle of what was fitted, of what can be used and drawn when there is any.
  const rows = [...Array(nRows).keys()], good = rows.filter((row) => !data.marked[row] && curveOf[row] >= 0);
  const pool = good.length ? good : rows, centre = page.shape.map((size) => (size - 1) / 2);
  const far = (row) => placeOf(row).voxel.reduce((sum, index, axis) => sum + (index - centre[axis]) ** 2, 0);
  const middle = placeOf(pool.reduce((best, row) => far(row) < far(best) ? row : best));
  Object.assign(state, { voxel: middle.voxel, spectrum: middle.spectrum, slice: middle.voxel[view.through] });
  draw();
}

const moves = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] };
at("map").addEventListener("keydown", (event) => {
  const move = moves[event.key];
  if (!move || !state.voxel) return;
  event.preventDefault();
  const clamp = (value, top) => Math.min(Math.max(value, 0), top);
  const slice = clamp(state.slice + move[2], page.shape[view.through] - 1);
  choose(voxelAt(clamp(columnOf(state.voxel) + move[0], nColumns - 1), clamp(lineOf(state.voxel) + move[1], nLines - 1), slice));
});
at("map").addEventListener("click", (event) => {
  const voxel = pointed(at("map"), event, state.slice);
  if (voxel) choose(voxel);
});
at("map").addEventListener("mousemove", (event) => {
  const voxel = pointed(at("map"), event, state.slice), row = voxel ? rowAt(voxel, state.spectrum) : -1;
  at("under").textContent = voxel ? `(${voxel.join(", ")}): ${row < 0 ? "not fitted" : `${page.maps[state.map].name} ${mapText(state.map, mapValue(state.map, row))}`}` : "\u00a0";
});
at("map").addEventListener("mouseleave", () => { at("under").textContent = "\u00a0"; });
at("spectrum").addEventListener("mousemove", (event) => { at("at").textContent = pointUnder(at("spectrum"), rowAt(state.voxel, state.spectrum), event); });
at("slice").addEventListener("input", () => {
  const voxel = [...state.voxel];
  voxel[view.through] = Number(at("slice").value);
  choose(voxel);
});
at("extra").addEventListener("change", () => choose(state.voxel, Number(at("extra").value)));
at("strike").addEventListener("change", draw);
at("dots").addEventListener("change", draw);
at("same").addEventListener("change", drawVoxel);
function zoomTo(power) {
  at("zoom").value = Math.min(Math.max(power, 0), 5);
  state.zoom = 2 ** Number(at("zoom").value);
  drawVoxel();
}
at("zoom").addEventListener("input", () => zoomTo(Number(at("zoom").value)));
at("spectrum").addEventListener("keydown", (event) => {
  const change = { ArrowUp: 0.5, ArrowDown: -0.5, "+": 0.5, "-": -0.5 }[event.key];
  if (change === undefined) return;
  event.preventDefault();
  zoomTo(Number(at("zoom").value) + change);
});
at("spectrum").addEventListener("wheel", (event) => {
  if (document.activeElement !== at("spectrum")) return; // the wheel scrolls the page until the drawing is clicked
  event.preventDefault();
  zoomTo(Number(at("zoom").value) - Math.sign(event.deltaY) * 0.2);
}, { passive: false });
for (const [id, end] of [["low", 0], ["high", 1]]) {
  at(id).addEventListener("change", () => {
    const value = Number(at(id).value), limits = [...scales[state.map]];
    limits[end] = value;
    if (at(id).value !== "" && limits[0] < limits[1]) scales[state.map] = limits;
    draw();
  });
}
at("reset-scale").addEventListener("click", () => { scales[state.map] = [...page.maps[state.map].limits]; draw(); });
window.addEventListener("hashchange", addressed);
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
begin();
