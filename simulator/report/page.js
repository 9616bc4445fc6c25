"use strict";
(() => {
  const rows = [...document.querySelectorAll("details.incident")];
  const form = document.getElementById("filters");
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const fields = ["outcome", "group", "scenario", "rule", "text"];
  const commentStyle = JSON.parse(document.getElementById("comment-style").textContent);

  // Only text goes into the page: nothing that an event or a comment says becomes markup here.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function drawn(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  const clock = (text) => text.slice(0, 19).replace("T", " ");
  const last = (path) => path.split(/[\\/]/).pop();

  function ran(event) {
    const who = event.account || "an unnamed account";
    const starter = event.actor && event.actor !== event.account ? ` (started by ${event.actor})` : "";
    return `${last(event.process) || "a process"} from ${last(event.parent) || "an unknown parent"}, as ${who}${starter}`;
  }

  function apart(from, to) {
    const minutes = Math.round((Date.parse(to) - Date.parse(from)) / 60000);
    return minutes ? ` ${minutes > 0 ? "+" : "−"}${Math.abs(minutes)} min` : "";
  }

  function entries(incident) {
    const events = incident.events.map((event) => ({ at: event.time, kind: event.known ? "known" : "event", event }));
    const alerts = incident.alerts.map((alert) => ({ at: alert.end, kind: "alert", alert }));
    return [...events, ...alerts].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  }

  function timeline(incident) {
    const all = entries(incident);
    const list = element("ol", { class: "timeline" });
    for (const entry of all) {
      const item = element("li", { class: entry.kind }, element("time", { datetime: entry.at }, clock(entry.at)));
      item.append(element("span", { class: "quiet" }, apart(all[0].at, entry.at)), " ");
      if (entry.alert) {
        item.append(`the ${entry.alert.rule} rule: alert for ${clock(entry.alert.start)} to ${clock(entry.alert.end)}`);
      } else {
        item.append(ran(entry.event), " ", element("span", { class: "quiet" }, entry.event.product));
        if (entry.event.command) item.append(element("pre", {}, entry.event.command));
      }
      list.append(item);
    }
    if (incident.omittedEvents) {
      list.append(element("li", {}, `${incident.omittedEvents} more events are left out here`));
    }
    list.append(element("li", { class: "verdict" }, verdict(incident)));
    return list;
  }

  function verdict(incident) {
    const how = incident.classification ? ` as ${incident.classification}` : "";
    const took = incident.milliseconds ? `, ${(incident.milliseconds / 1000).toFixed(1)} s after it was sent` : "";
    return element("b", {}, `${incident.outcome}${how}${took}`);
  }

  function strip(incident) {
    const times = entries(incident).map((entry) => Date.parse(entry.at));
    const starts = incident.alerts.map((alert) => Date.parse(alert.start));
    const first = Math.min(...times, ...starts);
    const span = Math.max(...times) - first || 1;
    const place = (time) => 1 + (98 * (time - first)) / span;
    const svg = drawn("svg", { class: "strip", "aria-hidden": "true" });
    svg.append(drawn("line", { x1: "1%", x2: "99%", y1: 13, y2: 13 }));
    for (const alert of incident.alerts) {
      const from = place(Date.parse(alert.start));
      const width = Math.max(0.4, place(Date.parse(alert.end)) - from);
      svg.append(drawn("rect", { x: `${from}%`, width: `${width}%`, y: 5, height: 16, rx: 3 }));
    }
    for (const event of incident.events) {
      const shown = drawn("circle", { cx: `${place(Date.parse(event.time))}%`, cy: 13, r: 5 });
      if (event.known) shown.setAttribute("class", "known");
      svg.append(shown);
    }
    return svg;
  }

  function codes(names) {
    const cell = element("dd", { class: "codes" });
    cell.append(...names.map((name) => element("code", {}, name)));
    return cell;
  }

  function facts(incident) {
    const list = element("dl", { class: "facts" });
    const add = (words, value) => value && list.append(element("dt", {}, words), element("dd", {}, value));
    for (const one of incident.activities) {
      const why = [one.scenario, one.label, `expected: ${one.expected}`, ...one.reasons];
      add("truth", `${one.id}: ${one.title || one.scenario} (${why.filter(Boolean).join(", ")})`);
      add("techniques", one.techniques.join(", "));
    }
    add("verdict", `${incident.outcome}${incident.asExpected ? ", as it should be" : `, but expected: ${incident.expected}`}`);
    if (incident.reasons.length) list.append(element("dt", {}, "reasons"), codes(incident.reasons));
    if (incident.scenarios.length) list.append(element("dt", {}, "covered by"), codes(incident.scenarios));
    add("accounts", incident.accounts.join(", ") || "SYSTEM or unnamed");
    add("incident", [incident.name, incident.status, incident.severity, ...incident.labels].join(", "));
    add("tasks", incident.tasks.join("; "));
    add("rules", incident.madeUp ? "none; the incident was made to test the verdict" : incident.rules.join(", "));
    return list;
  }

  // No script can run in the frame; it shares the origin only so that its height can be read.
  function comment(text, number, total) {
    const frame = element("iframe", { sandbox: "allow-same-origin", title: `Comment ${number} of ${total}` });
    frame.srcdoc = `<!DOCTYPE html><meta charset="utf-8"><style>${commentStyle}</style>${text}`;
    frame.addEventListener("load", () => {
      const page = frame.contentDocument;
      if (page) frame.style.height = `${Math.min(page.documentElement.scrollHeight + 4, 2000)}px`;
    });
    return frame;
  }

  function build(row) {
    const incident = JSON.parse(row.querySelector("script").textContent);
    const body = element("div", { class: "body" }, facts(incident), element("h3", {}, "Time line (UTC)"));
    if (incident.events.length || incident.alerts.length) body.append(strip(incident));
    body.append(timeline(incident));
    const total = incident.comments.length;
    body.append(element("h3", {}, total ? "Comment on the incident" : "No comment was written"));
    incident.comments.forEach((text, place) => body.append(comment(text, place + 1, total)));
    row.append(body);
  }

  function fits(row, wanted) {
    const at = row.dataset;
    if (wanted.outcome && at.outcome !== wanted.outcome) return false;
    if (wanted.group && !at.groups.split(" ").includes(wanted.group)) return false;
    if (wanted.scenario && !at.scenarios.split("\n").includes(wanted.scenario)) return false;
    if (wanted.rule && at.rules.split(" ").includes(wanted.rule.slice(1)) !== (wanted.rule[0] === "+")) return false;
    if (wanted.wrong && at.right === "1") return false;
    return wanted.words.every((word) => at.search.includes(word));
  }

  function filter() {
    const wanted = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
    wanted.wrong = form.elements.wrong.checked;
    wanted.words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fit = fits(row, wanted);
      row.hidden = !fit;
      shown += fit;
    }
    count.value = `${shown} of ${rows.length} incidents`;
    none.hidden = shown > 0 || rows.length === 0;
    remember(wanted);
  }

  // The filters stand in the address, so a view can be kept or sent.
  function remember(wanted) {
    const kept = new URLSearchParams(fields.filter((name) => wanted[name]).map((name) => [name, wanted[name]]));
    if (wanted.wrong) kept.set("wrong", "1");
    try {
      history.replaceState(null, "", kept.size ? `#?${kept}` : "#");
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }

  function recall() {
    const kept = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
    for (const name of fields) if (kept.has(name)) form.elements[name].value = kept.get(name);
    form.elements.wrong.checked = kept.get("wrong") === "1";
    if (kept.size) filter();
  }

  function set(values) {
    form.reset();
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    filter();
    document.getElementById("incidents").scrollIntoView();
    form.elements.text.focus({ preventScroll: true });
  }

  for (const row of rows) {
    row.addEventListener("toggle", () => row.open && !row.querySelector(".body") && build(row));
  }
  for (const button of document.querySelectorAll("button[data-outcome]")) {
    button.addEventListener("click", () => set({ group: button.dataset.group, outcome: button.dataset.outcome }));
  }
  for (const button of document.querySelectorAll("button[data-find]")) {
    button.addEventListener("click", () => set({ text: button.dataset.find }));
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.getElementById("none-reset").addEventListener("click", () => form.reset());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      form.elements.text.focus();
    }
  });
  recall();
})();
