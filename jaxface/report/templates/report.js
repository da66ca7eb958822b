// The sliders of the report: face, surface and curve follow the dose of the intervention and time. Nothing is loaded.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("answers").textContent);
  if (!data.classifiers.length) { byId("explore").hidden = true; return; }
  const choice = { classifier: byId("classifier"), expression: byId("expression") };
  const slider = { dose: byId("dose"), time: byId("time") };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const images = new Map();
  const doses = data.dose.levels, unchangedDose = nearest(doses, data.dose.unchanged);
  const unchangedLast = unchangedDose > (doses.length - 1) / 2;
  let plotted = false, timer = 0;

  const classifier = () => data.classifiers[choice.classifier.selectedIndex];
  const cell = () => classifier().cells[choice.expression.value];
  const showMean = () => byId("everyone").checked || !cell().own;
  const surface = () => (showMean() ? cell().mean : cell().own);
  const position = () => ({ d: +slider.dose.value, t: +slider.time.value });
  const percent = (value) => `${Math.round(100 * value)} %`;

  function nearest(steps, value) {  // index
    return steps.reduce((best, step, i) => (Math.abs(step - value) < Math.abs(steps[best] - value) ? i : best), 0);
  }

  function interpolate(table, d, t) {  // bilinear
    const bracket = (steps, value) => {
      let i = 0;
      while (i < steps.length - 2 && steps[i + 1] <= value) i += 1;
      return [i, Math.min(1, Math.max(0, (value - steps[i]) / (steps[i + 1] - steps[i])))];
    };
    const [i, a] = bracket(doses, d), [j, b] = bracket(data.time.levels, t);
    const row = (k) => table[k][j] * (1 - b) + table[k][j + 1] * b;
    return row(i) * (1 - a) + row(i + 1) * a;
  }

  function gradient(table) {  // numpy.gradient along the dose, per step
    const last = table.length - 1;
    return table.map((row, i) => row.map((_, j) => {
      const low = Math.max(i - 1, 0), high = Math.min(i + 1, last);
      return (table[high][j] - table[low][j]) / (high - low);
    }));
  }

  // --- the face
  function picture(source) {
    if (!images.has(source)) {
      const image = new Image();
      image.onload = drawFace;
      image.src = source;
      images.set(source, image);
    }
    return images.get(source);
  }

  function drawFace() {
    const sprites = data.sprites;
    if (!sprites) return;
    const { d, t } = position(), canvas = byId("face"), size = sprites.size;
    const row = nearest(sprites.dose, d), column = nearest(sprites.time, t) - 1;
    const source = column < 0 || !cell().sheet ? sprites.neutral : cell().sheet;
    const image = picture(source);
    if (!image.complete) return;
    const x = source === sprites.neutral ? 0 : column * size, y = source === sprites.neutral ? 0 : row * size;
    canvas.getContext("2d").drawImage(image, x, y, size, size, 0, 0, canvas.width, canvas.height);
    canvas.setAttribute("aria-label", `${choice.expression.value}, ${data.dose.name} ${sprites.dose[row].toFixed(2)}, ${data.time.name} ${sprites.time[column + 1].toFixed(2)}`);
  }

  function updateReadout() {
    const { d, t } = position(), own = cell().own;
    byId("dose-value").textContent = d.toFixed(2);
    byId("time-value").textContent = t.toFixed(2);
    const top = own && data.answers[cell().top[nearest(doses, d)][nearest(data.time.levels, t)]];
    const answer = own ? `${choice.expression.value} ${percent(interpolate(own, d, t))}` : "unknown for this face";
    const lost = top && top !== choice.expression.value;
    byId("readout").innerHTML = "";
    const strong = document.createElement("b");
    strong.textContent = answer;
    byId("readout").append(`${classifier().name}: `, strong);
    if (top) {
      const note = document.createElement("span");
      note.className = lost ? "lost" : "kept";
      note.textContent = lost ? `; top class ${top}` : ", the top class";
      byId("readout").append(note);
    }
  }

  // --- the curve over the dose, from the unchanged level on the left
  function profile() {
    const svg = byId("profile"), { d, t } = position(), colour = classifier().colour;
    const low = doses[0], high = doses[doses.length - 1], [left, right] = unchangedLast ? [high, low] : [low, high];
    const x = (v) => 40 + 500 * (v - left) / (right - left), y = (v) => 120 - 108 * Math.min(1, Math.max(0, v));
    const line = (values) => values.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)},${y(b).toFixed(1)}`).join("");
    const mean = doses.map((v) => interpolate(cell().mean, v, t)), deviation = doses.map((v) => interpolate(cell().deviation, v, t));
    const upper = doses.map((v, i) => [v, mean[i] + deviation[i]]), lower = doses.map((v, i) => [v, mean[i] - deviation[i]]);
    const own = cell().own && doses.map((v) => [v, interpolate(cell().own, v, t)]);
    const column = nearest(data.time.levels, t);
    const dots = (own || []).map(([a, b], i) => {
      const correct = data.answers[cell().top[i][column]] === choice.expression.value;
      return `<circle cx="${x(a)}" cy="${y(b)}" r="4" stroke="${colour}" stroke-width="1.6" fill="${correct ? colour : "var(--paper)"}"/>`;
    });
    const here = interpolate(surface(), d, t);
    svg.innerHTML =
      [0, 0.5, 1].map((v) => `<path d="M40,${y(v)}H540" class="rule"/><text x="34" y="${y(v) + 4}" text-anchor="end">${v}</text>`).join("") +
      [left, (left + right) / 2, right].map((v) => `<text x="${x(v)}" y="137" text-anchor="middle">${+v.toFixed(3)}</text>`).join("") +
      `<text x="290" y="152" text-anchor="middle">${data.dose.name}</text>` +
      `<path d="${line(upper)}${line([...lower].reverse()).replace("M", "L")}Z" fill="${colour}" opacity=".18"/>` +
      (own ? `<path d="${line(own)}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join("")}` : "") +
      `<path d="M${x(d)},12V120" class="cursor"/><circle id="mark" cx="${x(d)}" cy="${y(here)}" r="6.5" class="mark"/>`;
  }

  // --- the surface
  async function library() {
    const bytes = Uint8Array.from(atob(byId("plotly").textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const element = document.createElement("script");
    element.textContent = await new Response(stream).text();
    document.head.append(element);
    return window.Plotly;
  }

  function solid() {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  function heights() {
    const shown = surface();
    return byId("plot").dataset.view === "change" ? gradient(shown) : shown;
  }

  function marker() {
    const { d, t } = position();
    return { x: [t], y: [d], z: [interpolate(heights(), d, t)] };
  }

  function plot() {
    if (!window.Plotly) return;
    const ink = getComputedStyle(document.body).color, three = plot.solid, z = heights();
    const changing = byId("plot").dataset.view === "change";
    const largest = Math.max(0.02, ...z.flat().map(Math.abs));
    const colours = changing
      ? { colorscale: "RdBu", reversescale: false, cmin: -largest, cmax: largest, zmin: -largest, zmax: largest }
      : { colorscale: "Viridis", cmin: 0, cmax: 1, zmin: 0, zmax: 1 };
    const flat = z.map(() => (changing ? z[0].map(() => 0) : z[unchangedDose]));
    const name = changing ? "change per step" : "probability";
    const hover = `${data.dose.name} %{y:.2f}, ${data.time.name} %{x:.2f}: %{z:.3f}<extra></extra>`;
    const traces = [{ type: three ? "surface" : "heatmap", x: data.time.levels, y: doses, z, ...colours, hovertemplate: hover, showscale: innerWidth >= 600,
      colorbar: { thickness: 10, len: 0.7, outlinewidth: 0, tickfont: { color: ink } } }];
    if (three && byId("plane").checked) {
      traces.push({ type: "surface", x: data.time.levels, y: doses, z: flat, showscale: false, opacity: 0.35, hoverinfo: "skip",
        colorscale: [[0, "#7fb2ff"], [1, "#7fb2ff"]] });
    }
    traces.push({ type: three ? "scatter3d" : "scatter", mode: "markers", ...marker(), hoverinfo: "skip",
      marker: { size: three ? 7 : 14, color: "#ff3b30", line: { color: "#fff", width: 2 } } });
    // the ends lie in a corner that axes share, where their labels would lie on each other
    const inner = (steps) => ({ tickvals: [0.25, 0.5, 0.75].map((part) => +(steps[0] + part * (steps[steps.length - 1] - steps[0])).toPrecision(3)) });
    const axis = (title, extra) => ({ title: { text: title }, color: ink, gridcolor: "rgba(128,128,128,.35)", zeroline: false, ...extra });
    const layout = { margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: "system-ui, sans-serif", size: 12, color: ink }, uirevision: "kept" };
    if (three) {
      layout.scene = { xaxis: axis(data.time.name, inner(data.time.levels)), yaxis: axis(data.dose.name, inner(doses)), zaxis: axis(name, changing ? { nticks: 4 } : { range: [0, 1], tickvals: [0.5, 1] }),
        camera: { eye: innerWidth < 600 ? { x: -1.95, y: -1.95, z: 1 } : { x: -1.5, y: -1.5, z: 0.85 } }, aspectratio: { x: 1.1, y: 1.1, z: 0.75 }, uirevision: "kept" };
    } else {
      layout.margin = { l: 50, r: 10, t: 10, b: 45 };
      Object.assign(layout, { xaxis: axis(data.time.name), yaxis: axis(data.dose.name) });
    }
    window.Plotly.react("plot", traces, layout, { displaylogo: false, responsive: true, displayModeBar: false });
    plotted = true;
  }

  function move() {
    drawFace(); updateReadout(); profile();
    if (!plotted) return;
    const { x, y, z } = marker(), last = byId("plot").data.length - 1;
    window.Plotly.restyle("plot", plot.solid ? { x: [x], y: [y], z: [z] } : { x: [x], y: [y] }, [last]);
  }

  function expressions() {
    const before = choice.expression.value, names = Object.keys(classifier().cells);
    choice.expression.replaceChildren(...names.map((name) => new Option(name, name)));
    choice.expression.value = names.includes(before) ? before : names.includes("happiness") ? "happiness" : names[0];
  }

  function updateAll() { drawFace(); updateReadout(); profile(); plot(); }

  // --- playing: the expression unfolds, then the face changes, and back
  function play(on) {
    byId("play").setAttribute("aria-pressed", on);
    byId("play").textContent = on ? "❚❚ Pause" : "▶ Play";
    clearInterval(timer);
    if (!on) return;
    let step = 0;
    timer = setInterval(() => {
      step = (step + 1) % 120;
      const ramp = (from, to) => Math.min(1, Math.max(0, (step - from) / (to - from)));
      const range = (one) => [+one.min, +one.max], [start, end] = range(slider.time), [low, high] = range(slider.dose);
      const change = ramp(45, 80) - ramp(90, 115);
      slider.time.value = start + (end - start) * ramp(0, 40);
      slider.dose.value = unchangedLast ? high - (high - low) * change : low + (high - low) * change;
      move();
    }, calm.matches ? 250 : 60);
  }

  choice.classifier.replaceChildren(...data.classifiers.map((one) => new Option(one.name, one.name)));
  expressions();
  choice.classifier.addEventListener("change", () => { expressions(); updateAll(); });
  choice.expression.addEventListener("change", updateAll);
  for (const one of Object.values(slider)) one.addEventListener("input", () => { play(false); move(); });
  for (const one of document.getElementsByName("view")) one.addEventListener("change", () => { byId("plot").dataset.view = one.value; plot(); });
  for (const id of ["plane", "everyone"]) byId(id).addEventListener("change", updateAll);
  byId("play").addEventListener("click", () => play(byId("play").getAttribute("aria-pressed") !== "true"));
  dark.addEventListener("change", updateAll);
  addEventListener("beforeprint", () => { play(false); for (const one of document.querySelectorAll("details")) one.open = true; });
  byId("plot").dataset.view = "answer";
  drawFace(); updateReadout(); profile();
  plot.solid = solid();
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    observer.disconnect();
    library().then(plot).catch(() => { byId("plot").textContent = "This browser cannot show the surface. See the curve below and the maps further down."; });
  }, { rootMargin: "400px" }).observe(byId("plot"));
})();
