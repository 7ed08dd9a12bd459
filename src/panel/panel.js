// Comfort for the panel's pages; each works without it.
"use strict";
(() => {
  const own = document.currentScript.dataset;
  // How often a page looks: without a stream, while something is awaited, and beside a stream, for what only time changes.
  const EVERY = 4000, SOON = 600, SELDOM = 60000;
  // How far down, in pixels, a page still counts as being at its top.
  const NEAR_TOP = 120;
  const full = new Intl.DateTimeFormat(own.lang, { dateStyle: "short", timeStyle: "medium" });

  // As the server writes spans.
  const span = (ms) => {
    const s = Math.floor(ms / 1000);
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min";
    if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
    return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
  };
  const fill = (text, value) => text.replace("{}", () => value);

  // What is of the reader's own time zone, or counts.
  const tell = (time, now = Date.now()) => {
    const at = Date.parse(time.dateTime);
    let text;
    if ("t" in time.dataset) text = full.format(at);
    else if ("until" in time.dataset) text = at <= now ? own.now : fill(own.in, span(at - now));
    else if ("ago" in time.dataset) text = fill(own.ago, span(Math.max(0, now - at)));
    else return;
    if (time.textContent !== text) time.textContent = text;
    if (time.title) { const title = full.format(at); if (time.title !== title) time.title = title; }
  };
  let ticked = Date.now();
  const tick = () => {
    const now = Date.now(), before = ticked;
    ticked = now;
    for (const time of document.querySelectorAll("time[datetime]")) {
      tell(time, now);
      // An attempt begins without a word; it is being made now.
      if ("until" in time.dataset) { const at = Date.parse(time.dateTime); if (before < at && at <= now && said.size) setTimeout(look, 200); }
    }
    const list = document.getElementById("list");
    if (waiting && !(list && held(list))) let_in();
  };

  // ---- live: what differs in each part marked data-live is changed in place, unless somebody is at it ----
  const said = new Map();
  const parts = (root) => [...root.querySelectorAll("[data-live][id]")];
  for (const part of parts(document)) said.set(part.id, part.outerHTML);

  // Elements stay who they are, so that focus, selection, ticks, open details and the place one has scrolled to stay with them.
  const morph = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !(name === "open" && old.id)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    // The clock below writes these.
    if (old.nodeName === "TIME" && fresh.nodeName === "TIME") { tell(old); return; }
    const named = new Map();
    for (const it of old.children) if (it.id) named.set(it.id, it);
    let at = old.firstChild;
    const like = (it, other) => it && it.nodeName === other.nodeName && (it.id || "") === (other.id || "");
    for (const other of [...fresh.childNodes]) {
      // What is gone from here makes way before what follows it is taken for it.
      while (at && at.id && !like(at, other) && ![...fresh.children].some((it) => it.id === at.id)) { const gone = at; at = at.nextSibling; gone.remove(); }
      const mine = other.id ? named.get(other.id) : like(at, other) ? at : null;
      if (mine) {
        if (mine === at) at = at.nextSibling; else old.insertBefore(mine, at);
        morph(mine, other);
      } else {
        const node = document.importNode(other, true);
        if (node.nodeName === "TR") node.classList.add("fresh");
        old.insertBefore(node, at);
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };
  // Where the browser doesn't hold what is read in its place, that is done here.
  const anchored = CSS.supports("overflow-anchor: auto");
  const swap = (old, fresh) => {
    const seen = anchored || window.scrollY < NEAR_TOP ? null : [...old.querySelectorAll("[id]")].find((it) => it.getBoundingClientRect().top >= 0);
    const before = seen && seen.getBoundingClientRect().top;
    morph(old, fresh);
    equip();
    if (seen && seen.isConnected) window.scrollBy(0, seen.getBoundingClientRect().top - before);
  };
  const rows = (part) => part.querySelectorAll("tr[id]");
  const ticks = (part) => [...part.querySelectorAll("tr[id] input:checked")].map((box) => box.closest("tr"));
  // Rows stay where they are while somebody is at them: points at one, has the focus on one, has ticked some, or reads further down.
  const held = (part) => part.matches(":hover") || part.contains(document.activeElement) || ticks(part).length > 0
    || part.dataset.live === "list" && window.scrollY > NEAR_TOP;
  // A ticked row that isn't listed any more stays, at the end, until it is ticked no more.
  const keep = (old, fresh) => {
    const body = fresh.querySelector("#rows tbody");
    if (body) for (const row of ticks(old)) if (!rowOf(fresh, row.id)) body.append(left(document.importNode(row, true)));
  };
  // A row that stays though the list has it no more says so, and re-sends nothing: what it shows may be over.
  const left = (row) => {
    if (row.classList.contains("left")) return row;
    row.classList.add("left");
    for (const button of row.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
    const note = document.createElement("p");
    note.textContent = own.left;
    (row.querySelector(".state")?.parentElement || row.lastElementChild).append(note);
    return row;
  };
  const rowOf = (part, id) => [...rows(part)].find((row) => row.id === id);
  const ids = (part) => [...rows(part)].map((row) => row.id).join(" ");
  let waiting = null;
  const news = document.createElement("button");
  news.type = "button"; news.className = "news"; news.hidden = true;
  const let_in = () => { news.hidden = true; const apply = waiting; waiting = null; if (apply) apply(); };
  news.addEventListener("click", () => { let_in(); window.scrollTo(0, 0); });

  let put_off = false;
  const selecting = (part) => {
    const selection = window.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };
  const take = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const fresh of parts(page)) {
      const old = document.getElementById(fresh.id);
      if (!old) continue;
      const html = fresh.outerHTML;
      if (said.get(fresh.id) === html) continue;
      if (selecting(old)) { put_off = true; continue; }
      const list = Boolean(fresh.dataset.live);
      const apply = () => {
        const now = document.getElementById(fresh.id);
        if (!now) return;
        said.set(fresh.id, html);
        if (list) keep(now, fresh);
        swap(now, fresh);
        tick();
      };
      const kept = list && fresh.cloneNode(true);
      if (kept) keep(old, kept);
      // Rows that come or go would push away what somebody is at: they wait until they are asked for, or until nobody is. What
      // changes inside a row shows at once.
      if (kept && ids(kept) !== ids(old) && held(old)) {
        for (const row of rows(old)) { const now = rowOf(fresh, row.id); if (now) morph(row, document.importNode(now, true)); else left(row); }
        waiting = apply; news.textContent = own.news; news.hidden = false;
        if (!news.isConnected) document.getElementById("content").prepend(news);
      } else {
        if (list) { waiting = null; news.hidden = true; }
        apply();
      }
    }
  };
  const here = () => { const at = new URL(location.href); for (const name of ["done", "ok", "not"]) at.searchParams.delete(name); return at.href; };
  let timer = 0, eager = 0, asking = false, again = false, streams = false;
  const look = async () => {
    clearTimeout(timer);
    if (asking) { again = true; return; }
    if (!document.hidden) {
      asking = true;
      try {
        const answer = await fetch(here(), { headers: { accept: "text/html", "carteiro-live": "1" }, redirect: "manual" });
        if (answer.type === "opaqueredirect") location.reload();
        else if (answer.ok) take(await answer.text());
      } catch { /* the daemon is away: it is asked again */ }
      asking = false;
    }
    if (eager > 0) eager -= 1;
    const rest = eager > 0 || again || document.querySelector("progress[value]:not([data-over])") ? SOON : streams ? SELDOM : EVERY;
    again = false;
    timer = setTimeout(look, rest);
  };
  // The daemon says when something has changed. Without its word the page asks every few seconds, as where it has too many streams
  // already, or something between here and there keeps them back.
  let stream = null, retry = 0;
  const close = () => { clearTimeout(retry); if (stream) stream.close(); stream = null; streams = false; };
  const listen = () => {
    close();
    if (document.hidden || !window.EventSource) return;
    stream = new EventSource("/live");
    stream.addEventListener("changed", () => { streams = true; look(); });
    stream.addEventListener("error", () => {
      // Not each time: a browser comes back sooner than the page would look, and fails again for as long as nothing answers.
      if (streams) { streams = false; clearTimeout(timer); timer = setTimeout(look, EVERY); }
      if (stream && stream.readyState === EventSource.CLOSED) { close(); retry = setTimeout(listen, SELDOM); }
    });
  };
  const live = () => {
    if (said.size === 0) return;
    timer = setTimeout(look, EVERY);
    listen();
    // A page that nobody sees takes no stream from one that somebody does: browsers have six for each origin.
    document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else { look(); listen(); } });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
    document.addEventListener("selectionchange", () => { if (put_off && getSelection().isCollapsed) { put_off = false; look(); } });
  };
  const hurry = () => { eager = 12; look(); };

  // ---- forms that needn't leave the page ----
  const sending = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]") || said.size === 0) return;
    event.preventDefault();
    if (sending.has(form) || form.closest(".left")) return;
    sending.add(form);
    // Not `disabled`, which takes the focus away from the person who pressed Enter.
    const button = form.querySelector("button");
    button.setAttribute("aria-disabled", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { "carteiro-live": "1" }, body: new URLSearchParams(new FormData(form)), redirect: "follow" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const note = page.querySelector(".note, p.problem");
      const content = document.getElementById("content");
      content.querySelector(":scope > .note, :scope > p.problem")?.remove();
      if (note) { const shown = document.importNode(note, true); shown.setAttribute("role", "status"); content.prepend(shown); }
      hurry();
    } catch { form.submit(); }
    sending.delete(form);
    button.removeAttribute("aria-disabled");
  });

  // ---- what only a script can do is shown by one ----
  const equip = () => { for (const it of document.querySelectorAll("[data-select-all][hidden], button[data-copy][hidden]")) it.hidden = false; };
  document.addEventListener("change", (event) => {
    // A row that stayed because it was ticked goes with the next look.
    if (event.target.closest("#rows")) said.set("list", "");
    if (!event.target.closest("[data-select-all]")) return;
    for (const it of document.querySelectorAll("#rows input[name=id]:enabled")) it.checked = event.target.checked;
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    try { await navigator.clipboard.writeText(from.textContent); button.textContent = own.copied; }
    catch { const selection = getSelection(); selection.removeAllRanges(); const range = document.createRange(); range.selectNodeContents(from); selection.addRange(range); }
  });
  // ---- a link that signs in: its secret stands where only the page itself sees it, and doesn't stay in the address ----
  const link = document.getElementById("link");
  if (link && location.hash.length > 1) {
    link.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    document.getElementById("link-field").hidden = true;
    document.getElementById("link-go").focus();
  }
  equip();
  for (const field of document.querySelectorAll("input[name=tz]")) field.value = String(new Date().getTimezoneOffset());
  for (const zone of document.querySelectorAll(".zone")) zone.textContent = own.local;
  tick();
  setInterval(tick, 1000);
  live();
})();
