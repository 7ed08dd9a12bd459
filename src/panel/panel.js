// Comfort for the panel's pages; each works without it.
"use strict";
(() => {
  const own = document.currentScript.dataset;
  const EVERY = 4000, SOON = 600;
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
  const tick = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      let text;
      if ("t" in time.dataset) text = full.format(at);
      else if ("until" in time.dataset) text = at <= now ? own.now : fill(own.in, span(at - now));
      else if ("ago" in time.dataset) text = fill(own.ago, span(Math.max(0, now - at)));
      else continue;
      if (time.textContent !== text) time.textContent = text;
      if (time.title && !time.dataset.titled) { time.title = full.format(at); time.dataset.titled = "1"; }
    }
  };

  // ---- live: each part marked data-live is replaced when the server has another one, unless somebody is at it ----
  const said = new Map();
  const parts = (root) => [...root.querySelectorAll("[data-live][id]")];
  for (const part of parts(document)) said.set(part.id, part.outerHTML);

  const swap = (old, fresh) => {
    const open = new Set([...old.querySelectorAll("details[open][id]")].map((it) => it.id));
    const ticked = new Set([...old.querySelectorAll("input:checked")].map((it) => it.value));
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const key = focus && (focus.id || focus.getAttribute("href") || focus.getAttribute("aria-label"));
    const known = new Set([...old.querySelectorAll("tr[id], li")].map((it) => it.id));
    const node = document.importNode(fresh, true);
    for (const it of node.querySelectorAll("details[id]")) if (open.has(it.id)) it.open = true;
    for (const it of node.querySelectorAll("input[type=checkbox]")) if (ticked.has(it.value)) it.checked = true;
    for (const it of node.querySelectorAll("tr[id]")) if (!known.has(it.id)) it.classList.add("fresh");
    const before = old.getBoundingClientRect().bottom;
    old.replaceWith(node);
    // What stands below the part and was being read stays where it was.
    if (before < 0) window.scrollBy(0, node.getBoundingClientRect().bottom - before);
    if (key) for (const it of node.querySelectorAll("a, button, input, summary, pre")) {
      if ([it.id, it.getAttribute("href"), it.getAttribute("aria-label")].includes(key)) { it.focus({ preventScroll: true }); break; }
    }
  };
  const ids = (part) => [...part.querySelectorAll("tr[id]")].map((row) => row.id).join(" ");
  let waiting = null;
  const news = document.createElement("button");
  news.type = "button"; news.className = "news"; news.hidden = true;
  news.addEventListener("click", () => { news.hidden = true; const apply = waiting; waiting = null; if (apply) apply(); window.scrollTo(0, 0); });

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
      if (said.get(fresh.id) === html || selecting(old)) continue;
      const apply = () => { said.set(fresh.id, html); const now = document.getElementById(fresh.id); if (now) swap(now, fresh); tick(); };
      // New rows would push what is being read away: they wait until they are asked for.
      const moves = fresh.dataset.live === "list" && ids(fresh) !== ids(old) && window.scrollY > 120;
      if (moves) {
        waiting = apply; news.textContent = own.news; news.hidden = false;
        if (!news.isConnected) document.getElementById("content").prepend(news);
      } else apply();
    }
    // Where there was no list yet, its first row makes it a page worth loading.
    if (!document.getElementById("rows") && page.getElementById("rows") && !waiting) location.reload();
  };
  const here = () => { const at = new URL(location.href); for (const name of ["done", "ok", "not"]) at.searchParams.delete(name); return at.href; };
  let timer = 0, eager = 0, asking = false;
  const look = async () => {
    clearTimeout(timer);
    if (!document.hidden && !asking) {
      asking = true;
      try {
        const answer = await fetch(here(), { headers: { accept: "text/html" }, redirect: "manual" });
        if (answer.type === "opaqueredirect") location.reload();
        else if (answer.ok) take(await answer.text());
      } catch { /* the daemon is away: it is asked again */ }
      asking = false;
    }
    if (eager > 0) eager -= 1;
    timer = setTimeout(look, eager > 0 ? SOON : EVERY);
  };
  // The one place that decides when to look: an event stream may take the timer's part.
  const live = () => {
    const anything = said.size > 0 || document.querySelector(".empty");
    if (!anything) return;
    timer = setTimeout(look, EVERY);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  };
  const hurry = () => { eager = 12; look(); };

  // ---- forms that needn't leave the page ----
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]") || said.size === 0) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "follow" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const note = page.querySelector(".note, p.problem");
      const content = document.getElementById("content");
      content.querySelector(":scope > .note, :scope > p.problem")?.remove();
      if (note) { const shown = document.importNode(note, true); shown.setAttribute("role", "status"); content.prepend(shown); }
      // Buttons outside the live parts (pause, resume) change with the page.
      if (!form.closest("[data-live]")) { const other = page.querySelector("main .buttons"), mine = form.closest(".buttons"); if (other && mine && answer.ok) mine.replaceWith(document.importNode(other, true)); }
      button.disabled = false;
      hurry();
    } catch { form.submit(); }
  });

  const many = document.querySelector("[data-select-all]");
  if (many) {
    many.hidden = false;
    const all = many.querySelector("input");
    all.addEventListener("change", () => { for (const it of document.querySelectorAll("#rows input[name=id]:enabled")) it.checked = all.checked; });
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copy);
      try { await navigator.clipboard.writeText(from.textContent); button.textContent = own.copied; }
      catch { const selection = getSelection(); selection.removeAllRanges(); const range = document.createRange(); range.selectNodeContents(from); selection.addRange(range); }
    });
  }
  for (const field of document.querySelectorAll("input[name=tz]")) field.value = String(new Date().getTimezoneOffset());
  for (const zone of document.querySelectorAll(".zone")) zone.textContent = own.local;
  tick();
  setInterval(tick, 1000);
  live();
})();
