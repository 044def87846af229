// Skeletons in space on a canvas: metres, x right, y straight down, z forward, the camera at 0. No dependency.
(function () {
  "use strict";
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const box = document.getElementById("viewer");
  const canvas = box.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const slider = box.querySelector("input[type=range]");
  const [clock, speedLabel] = box.querySelectorAll("output");
  const playButton = box.querySelector("[data-act=play]");
  const MM = 0.001;
  const NEAR = 0.05;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const SPEEDS = [0.1, 0.25, 0.5, 1, 2];

  const state = {
    frame: 0, playing: false, speed: 3, startedAt: 0, startedFrom: 0,
    yaw: 0, pitch: 0, distance: 8, center: [0, 0, 4], field: 0.9, glide: null,
  };
  const shown = {};
  box.querySelectorAll("[data-set]").forEach((toggle) => {
    shown[toggle.dataset.set] = toggle.checked;
    toggle.addEventListener("change", () => { shown[toggle.dataset.set] = toggle.checked; draw(); });
  });
  slider.max = String(scene.frames.length - 1);

  // The scene's middle and size, for the first look and the grid; a few false positives far away are left out.
  const extent = (function () {
    const places = [[], [], []];
    for (const frame of scene.frames) {
      for (const person of Object.values(frame.people).flat()) {
        person.joints.forEach((v, i) => { if (v !== null) places[i % 3].push(v * MM); });
      }
    }
    if (!places[0].length) return { low: [-2, -1, 2], high: [2, 1, 6] };
    const sorted = places.map((values) => values.sort((u, v) => u - v));
    const at = (share) => sorted.map((values) => values[Math.round(share * (values.length - 1))]);
    return { low: at(0.02).map((v) => v - 0.2), high: at(0.98).map((v) => v + 0.2) };
  })();
  const floor = scene.floor_m === null ? extent.high[1] : scene.floor_m;
  const middle = [0, 1, 2].map((a) => (extent.low[a] + extent.high[a]) / 2);

  const VIEWS = {
    orbit: () => ({
      yaw: -0.55, pitch: 0.34, field: 0.7, center: [middle[0], floor - 0.8, middle[2] * 0.9],
      distance: Math.max(4, 0.95 * Math.hypot(extent.high[0] - extent.low[0], extent.high[2])),
    }),
    camera: () => ({ yaw: 0, pitch: scene.tilt_rad, distance: 0.01, field: scene.vfov_rad, center: [0, 0, 0] }),
    top: () => ({
      yaw: 0, pitch: Math.PI / 2, field: 0.8, center: [middle[0], floor, extent.high[2] / 2],
      distance: Math.max(5, 1.5 * Math.max(extent.high[2], extent.high[0] - extent.low[0])),
    }),
  };

  // A point in the camera frame to the canvas: [x, y, depth], or null behind the view point.
  function makeProjection() {
    const cy = Math.cos(state.yaw), sy = Math.sin(state.yaw), cp = Math.cos(state.pitch), sp = Math.sin(state.pitch);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const focal = height / (2 * Math.tan(state.field / 2));
    const view = (p) => {
      const x = p[0] - state.center[0], y = p[1] - state.center[1], z = p[2] - state.center[2];
      const x1 = cy * x + sy * z, z1 = -sy * x + cy * z;
      return [x1, cp * y + sp * z1 * -1, sp * y + cp * z1 + state.distance];
    };
    const toScreen = (v) => [width / 2 + focal * v[0] / v[2], height / 2 + focal * v[1] / v[2], v[2]];
    return { view, toScreen, focal };
  }

  function line(projection, a, b, color, width, dash) {
    let p = projection.view(a), q = projection.view(b);
    if (p[2] < NEAR && q[2] < NEAR) return;
    if (p[2] < NEAR || q[2] < NEAR) {
      const t = (NEAR - p[2]) / (q[2] - p[2]);
      const cut = [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]), NEAR];
      if (p[2] < NEAR) p = cut; else q = cut;
    }
    const s = projection.toScreen(p), e = projection.toScreen(q);
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.setLineDash(dash || []);
    pen.beginPath();
    pen.moveTo(s[0], s[1]);
    pen.lineTo(e[0], e[1]);
    pen.stroke();
  }

  function drawFloor(projection) {
    const x0 = Math.floor(Math.min(extent.low[0], -1)) - 1, x1 = Math.ceil(Math.max(extent.high[0], 1)) + 1;
    const z1 = Math.ceil(extent.high[2]) + 1;
    for (let x = x0; x <= x1; x++) line(projection, [x, floor, 0], [x, floor, z1], x === 0 ? "#4a5a70" : "#25303f", 1);
    for (let z = 0; z <= z1; z++) line(projection, [x0, floor, z], [x1, floor, z], z === 0 ? "#4a5a70" : "#25303f", 1);
    pen.fillStyle = "#7f8da0";
    pen.font = "11px system-ui, sans-serif";
    for (let z = 1; z <= z1; z++) {
      const v = projection.view([x1 + 0.12, floor, z]);
      if (v[2] > NEAR) { const s = projection.toScreen(v); pen.fillText(z + " m", s[0], s[1]); }
    }
  }

  function drawCamera(projection) {
    const d = 0.45, h = d * Math.tan(scene.vfov_rad / 2), w = d * Math.tan(scene.hfov_rad / 2);
    const ct = Math.cos(scene.tilt_rad), st = Math.sin(scene.tilt_rad);
    const corners = [[-w, -h, d], [w, -h, d], [w, h, d], [-w, h, d]]
      .map((p) => [p[0], ct * p[1] + st * p[2], -st * p[1] + ct * p[2]]);
    corners.forEach((c, i) => {
      line(projection, [0, 0, 0], c, "#8fa3bd", 1.3);
      line(projection, c, corners[(i + 1) % 4], "#8fa3bd", 1.3);
    });
    line(projection, [0, 0, 0], [0, floor, 0], "#3a4658", 1, [3, 4]);
  }

  function joint(person, i) {
    const x = person.joints[3 * i];
    return x === null ? null : [x * MM, person.joints[3 * i + 1] * MM, person.joints[3 * i + 2] * MM];
  }

  function drawPeople(projection, set, people) {
    const style = scene.sets[set];
    const bones = [];
    for (const person of people) {
      for (let e = 0; e < scene.edges.length; e++) {
        const a = joint(person, scene.edges[e][0]), b = joint(person, scene.edges[e][1]);
        if (!a || !b) continue;
        if (!style.thin) line(projection, [a[0], floor, a[2]], [b[0], floor, b[2]], "rgba(0,0,0,0.35)", 3);
        const depth = projection.view(a)[2] + projection.view(b)[2];
        bones.push({ a, b, depth, person, e });
      }
    }
    bones.sort((p, q) => q.depth - p.depth);
    pen.globalAlpha = style.alpha;
    for (const bone of bones) {
      const width = Math.max(1, Math.min(9, style.width * projection.focal / Math.max(bone.depth / 2, 0.3)));
      const color = style.color || scene.edge_colors[bone.e];
      line(projection, bone.a, bone.b, color, width, bone.person.predicted ? [width * 2, width * 2] : null);
    }
    pen.setLineDash([]);
    if (!style.thin) for (const person of people) label(projection, person);
    pen.globalAlpha = 1;
  }

  function label(projection, person) {
    let top = null;
    for (let i = 0; i < person.joints.length / 3; i++) {
      const p = joint(person, i);
      if (p && (!top || p[1] < top[1])) top = p;
    }
    if (!top) return;
    const v = projection.view([top[0], top[1] - 0.14, top[2]]);
    if (v[2] < NEAR) return;
    const s = projection.toScreen(v), text = "P" + person.id;
    pen.font = "600 12px system-ui, sans-serif";
    const w = pen.measureText(text).width + 10;
    pen.fillStyle = scene.palette[(person.id - 1) % scene.palette.length];
    pen.fillRect(s[0] - w / 2, s[1] - 15, w, 17);
    pen.fillStyle = "#14181f";
    pen.textAlign = "center";
    pen.fillText(text, s[0], s[1] - 2.5);
    pen.textAlign = "start";
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.lineCap = "round";
    const projection = makeProjection();
    const frame = scene.frames[state.frame];
    drawFloor(projection);
    drawCamera(projection);
    for (const set of Object.keys(scene.sets)) {
      if (shown[set] && frame && frame.people[set]) drawPeople(projection, set, frame.people[set]);
    }
    slider.value = String(state.frame);
    clock.textContent = frame ? frame.t.toFixed(2) + " s" : "";
    speedLabel.textContent = SPEEDS[state.speed] + "x";
    playButton.innerHTML = state.playing ? "&#10074;&#10074;" : "&#9654;";
  }

  function play(on) {
    if (on && state.frame >= scene.frames.length - 1) state.frame = 0;
    state.playing = on;
    state.startedAt = performance.now();
    state.startedFrom = scene.frames.length ? scene.frames[state.frame].t : 0;
    if (on) requestAnimationFrame(step);
    draw();
  }

  function step(now) {
    if (!state.playing) return;
    const t = state.startedFrom + (now - state.startedAt) / 1000 * SPEEDS[state.speed];
    while (state.frame < scene.frames.length - 1 && scene.frames[state.frame + 1].t <= t) state.frame++;
    if (state.frame >= scene.frames.length - 1) {
      state.frame = 0;
      state.startedAt = now;
      state.startedFrom = scene.frames.length ? scene.frames[0].t : 0;
    }
    draw();
    requestAnimationFrame(step);
  }

  function look(view, gliding) {
    const from = { ...state, center: state.center.slice() }, to = VIEWS[view]();
    if (!gliding || calm) { Object.assign(state, to); draw(); return; }
    const began = performance.now();
    state.glide = began;
    (function glide(now) {
      if (state.glide !== began) return;
      const u = Math.min(1, (now - began) / 500), s = u * u * (3 - 2 * u), mix = (a, b) => a + s * (b - a);
      for (const key of ["yaw", "pitch", "distance", "field"]) state[key] = mix(from[key], to[key]);
      state.center = from.center.map((c, a) => mix(c, to.center[a]));
      draw();
      if (u < 1) requestAnimationFrame(glide);
    })(began);
  }

  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    state.glide = null;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const dx = event.clientX - last[0], dy = event.clientY - last[1];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
      zoom(gap(last) / Math.max(1, gap([event.clientX, event.clientY])));
    } else if (event.shiftKey || event.buttons === 4) {
      move(dx, dy);
    } else {
      state.yaw -= dx * 0.006;
      state.pitch = Math.max(-0.3, Math.min(Math.PI / 2, state.pitch + dy * 0.006));
    }
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(event.deltaY * 0.0012));
    draw();
  }, { passive: false });

  function zoom(factor) {
    state.distance = Math.max(0.5, Math.min(60, state.distance * factor));
  }

  function move(dx, dy) {
    const scale = Math.max(1, state.distance) * 2 * Math.tan(state.field / 2) / canvas.clientHeight;
    const cy = Math.cos(state.yaw), sy = Math.sin(state.yaw), sp = Math.sin(state.pitch), cp = Math.cos(state.pitch);
    state.center[0] -= scale * (dx * cy + dy * sp * sy);
    state.center[1] -= scale * dy * cp;
    state.center[2] -= scale * (dx * sy - dy * sp * cy);
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") play(!state.playing);
    else if (event.key === "ArrowRight") { play(false); state.frame = Math.min(scene.frames.length - 1, state.frame + 1); }
    else if (event.key === "ArrowLeft") { play(false); state.frame = Math.max(0, state.frame - 1); }
    else return;
    event.preventDefault();
    draw();
  });
  slider.addEventListener("input", () => {
    const wanted = Number(slider.value);  // before any drawing, which sets the slider
    play(false);
    state.frame = wanted;
    draw();
  });
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.view) look(button.dataset.view, true);
    else if (button.dataset.act === "play") play(!state.playing);
    else {
      state.speed = Math.max(0, Math.min(SPEEDS.length - 1, state.speed + (button.dataset.act === "faster" ? 1 : -1)));
      if (state.playing) play(true); else draw();
    }
  });
  new ResizeObserver(draw).observe(canvas);
  state.frame = Math.min(scene.first_frame, scene.frames.length - 1);
  look("orbit");
  if (!calm) play(true);
})();
