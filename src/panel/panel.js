// Comfort for the panel's pages; each works without it.
"use strict";
(() => {
  const own = document.currentScript.dataset;
  // How often a page looks: without a stream, while something is awaited, and beside a stream, for what only time
  // changes.
  const EVERY = 4000, SOON = 600, SELDOM = 60000;
  // How far down, in pixels, a page still counts as being at its top.
  const NEAR_TOP = 120;
  const full = new Intl.DateTimeFormat(own.lang, { dateStyle: "short", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(own.lang, { timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(own.lang, { timeStyle: "medium" });
  const day = new Intl.DateTimeFormat(own.lang, { day: "2-digit", month: "2-digit" });
  const $ = (selector) => document.querySelector(selector);
  const all = (selector, root = document) => root.querySelectorAll(selector);

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
    else if ("until" in time.dataset) text = at - now < 1000 ? own.now : fill(own.in, span(at - now));
    else if ("ago" in time.dataset) text = now - at < 1000 ? own.now : fill(own.ago, span(now - at));
    else if ("when" in time.dataset) {
      const today = new Date(at).toDateString() === new Date(now).toDateString();
      text = (today ? "" : day.format(at) + " ") + (time.dataset.when ? exact : clock).format(at);
    }
    else return;
    if (time.textContent !== text) time.textContent = text;
    if (time.title) { const title = full.format(at); if (time.title !== title) time.title = title; }
  };
  let ticked = Date.now();
  const tick = () => {
    const now = Date.now(), before = ticked;
    ticked = now;
    for (const time of all("time[datetime]")) {
      tell(time, now);
      // An attempt begins without a word; it is being made now.
      if ("until" in time.dataset) {
        const at = Date.parse(time.dateTime);
        if (before < at && at <= now && isLive) setTimeout(look, 200);
      }
    }
    const list = document.getElementById("list");
    if (waiting && !(list && held(list))) let_in();
  };

  // ---- live: what differs in each part marked data-live is changed in place, unless somebody is at it ----
  const said = new Map();
  const parts = (root) => [...all("[data-live][id]", root)];
  const isLive = Boolean($("main [data-live]"));
  for (const part of parts(document)) said.set(part.id, part.outerHTML);

  // Like is matched with like, whatever comes or goes before it: by its id or where it leads, or else by its look; then
  // a link by its words, and what leads nowhere by its kind. What has the focus keeps it, and Enter does nothing else.
  const get = (it, name) => it.getAttribute && it.getAttribute(name);
  const to = (it) => get(it, "id") || get(it, "href") || get(it, "action");
  const marks = [
    (it) => it.nodeName + (to(it) || get(it, "class")),
    (it) => to(it) ? it.nodeName === "A" && it.textContent : it.nodeName,
  ];
  const mated = (old, fresh) => {
    const free = new Set(old.childNodes), mates = new Map(), had = [...free], has = [...fresh.childNodes];
    // As a rule nothing has come or gone.
    if (had.length === has.length && had.every((it, nth) => marks[0](it) === marks[0](has[nth]))) {
      return new Map(has.map((it, nth) => [it, had[nth]]));
    }
    for (const mark of marks) {
      const like = new Map();
      for (const it of free) like.set(mark(it), (like.get(mark(it)) || []).concat(it));
      for (const it of fresh.childNodes) {
        const mine = !mates.has(it) && mark(it) && (like.get(mark(it)) || []).shift();
        if (mine) { mates.set(it, mine); free.delete(mine); }
      }
    }
    for (const it of free) it.remove();
    return mates;
  };

  // Elements stay who they are, so that focus, selection, ticks, open details and the place one has scrolled to stay
  // with them.
  const morph = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(name === "open" && old.id)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    // The clock below writes these.
    if (old.nodeName === "TIME" && fresh.nodeName === "TIME") { tell(old); return; }
    const mates = mated(old, fresh);
    let at = old.firstChild;
    for (const other of [...fresh.childNodes]) {
      const mine = mates.get(other);
      if (mine) {
        if (mine === at) at = at.nextSibling; else old[old.moveBefore ? "moveBefore" : "insertBefore"](mine, at);
        morph(mine, other);
      } else {
        const node = document.importNode(other, true);
        if (node.nodeName === "TR") node.classList.add("fresh");
        old.insertBefore(node, at);
      }
    }
  };
  // Where the browser doesn't hold what is read in its place, that is done here.
  const anchored = CSS.supports("overflow-anchor: auto");
  const swap = (old, fresh) => {
    const isShown = (it) => it.getBoundingClientRect().top >= 0;
    const seen = anchored || window.scrollY < NEAR_TOP ? null : [...old.querySelectorAll("[id]")].find(isShown);
    const before = seen && seen.getBoundingClientRect().top;
    morph(old, fresh);
    equip();
    if (seen && seen.isConnected) window.scrollBy(0, seen.getBoundingClientRect().top - before);
  };
  const rows = (part) => part.querySelectorAll("tr[id]");
  const ticks = (part) => [...part.querySelectorAll("tr[id] input:checked")].map((box) => box.closest("tr"));
  // Rows stay where they are while somebody is at them: points at one, has the focus on one, has ticked some, or reads
  // further down.
  const held = (part) => part.matches(":hover") || part.contains(document.activeElement) || ticks(part).length > 0
    || part.dataset.live === "list" && window.scrollY > NEAR_TOP;
  // A ticked row that isn't listed any more stays, at the end, until it is ticked no more.
  const keep = (old, fresh) => {
    const body = fresh.querySelector("#rows tbody");
    if (!body) return;
    for (const row of ticks(old)) if (!rowOf(fresh, row.id)) body.append(left(document.importNode(row, true)));
  };
  // A row that stays though the list has it no more says so, and re-sends nothing: what it shows may be over.
  const left = (row) => {
    if (row.classList.contains("left")) return row;
    row.classList.add("left");
    for (const button of row.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
    const note = document.createElement("p");
    note.textContent = own.left;
    (row.querySelector(".what") || row.lastElementChild).append(note);
    return row;
  };
  const rowOf = (part, id) => [...rows(part)].find((row) => row.id === id);
  const ids = (part) => [...rows(part)].map((row) => row.id).join(" ");
  let waiting = null;
  const news = document.createElement("button");
  news.type = "button"; news.className = "news main"; news.hidden = true;
  const let_in = () => { news.hidden = true; const apply = waiting; waiting = null; if (apply) apply(); };
  news.addEventListener("click", () => { let_in(); window.scrollTo(0, 0); });

  let put_off = false;
  const selecting = (part) => {
    const selection = window.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };
  const take = (page) => {
    // How many webhooks fail stands in the title, and the icon tells whether any does.
    if (document.title !== page.title) document.title = page.title;
    const [icon, fresh] = [document, page].map((it) => it.querySelector("link[rel=icon]"));
    const href = fresh && fresh.getAttribute("href");
    if (icon && fresh && icon.getAttribute("href") !== href) icon.href = href;
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
      // Rows that come or go would push away what somebody is at: they wait until they are asked for, or until nobody
      // is. What changes inside a row shows at once.
      if (kept && ids(kept) !== ids(old) && held(old)) {
        for (const row of rows(old)) {
          const now = rowOf(fresh, row.id);
          if (now) morph(row, document.importNode(now, true)); else left(row);
        }
        waiting = apply; news.textContent = own.news; news.hidden = false;
        if (!news.isConnected) document.getElementById("content").prepend(news);
      } else {
        if (list) { waiting = null; news.hidden = true; }
        apply();
      }
    }
  };
  const here = () => {
    const at = new URL(location.href);
    for (const name of ["done", "ok", "not", "n"]) at.searchParams.delete(name);
    return at.href;
  };
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");

  // ---- a daemon that doesn't answer: the page says so, and sends nothing until it is back ----
  let failed = 0, since = 0;
  const away = () => failed > 1;
  const bar = $("#away");
  const switched = (off) => {
    if (!bar || bar.hidden === !off) return;
    bar.hidden = !off;
    bar.textContent = off ? fill(own.away, clock.format(since)) : "";
    for (const button of all("form[method=post] button")) {
      if (off) button.setAttribute("aria-disabled", "true"); else button.removeAttribute("aria-disabled");
    }
  };
  const missed = () => { if (failed++ === 0) since = Date.now(); if (away()) switched(true); };
  const reached = () => { failed = 0; switched(false); };

  let timer = 0, eager = 0, asking = false, again = false, streams = false;
  const look = async () => {
    clearTimeout(timer);
    if (asking) { again = true; return; }
    if (!document.hidden) {
      asking = true;
      try {
        const headers = { accept: "text/html", "carteiro-live": "1" };
        const answer = await fetch(here(), { headers, redirect: "manual" });
        // A proxy answers for a daemon that is away.
        if ([502, 503, 504].includes(answer.status)) missed(); else reached();
        if (answer.type === "opaqueredirect") location.reload();
        else if (answer.ok) take(parse(await answer.text()));
      } catch { missed(); }
      asking = false;
    }
    if (eager > 0) eager -= 1;
    const isAwaited = eager > 0 || again || $("progress[value]:not([data-over])");
    const rest = isAwaited ? SOON : streams && !failed ? SELDOM : EVERY;
    again = false;
    timer = setTimeout(look, rest);
  };
  // The daemon says when something has changed. Without its word the page asks every few seconds, as where it has too
  // many streams already, or something between here and there keeps them back.
  let stream = null, retry = 0;
  const close = () => { clearTimeout(retry); if (stream) stream.close(); stream = null; streams = false; };
  const listen = () => {
    close();
    if (document.hidden || !window.EventSource) return;
    stream = new EventSource("/live");
    stream.addEventListener("changed", () => { streams = true; look(); });
    stream.addEventListener("error", () => {
      // Not each time: a browser comes back sooner than the page would look, and fails again for as long as nothing
      // answers.
      if (streams) { streams = false; clearTimeout(timer); timer = setTimeout(look, failed ? EVERY : SOON); }
      if (stream && stream.readyState === EventSource.CLOSED) { close(); retry = setTimeout(listen, SELDOM); }
    });
  };
  const live = () => {
    if (!isLive) return;
    timer = setTimeout(look, EVERY);
    listen();
    // A page that nobody sees takes no stream from one that somebody does: browsers have six for each origin.
    document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else { look(); listen(); } });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
    document.addEventListener("selectionchange", () => {
      if (put_off && getSelection().isCollapsed) { put_off = false; look(); }
    });
  };
  const hurry = () => { eager = 12; look(); };

  // ---- what was just done ----
  const toasts = $("#toasts");
  let fading = 0;
  const toast = (text, problem) => {
    const [note, words, shut] = ["p", "span", "button"].map((name) => document.createElement(name));
    note.className = problem ? "toast problem" : "toast";
    words.textContent = text;
    shut.type = "button"; shut.textContent = "×"; shut.dataset.close = ""; shut.setAttribute("aria-label", own.close);
    note.append(words, shut);
    toasts.replaceChildren(note);
    clearTimeout(fading);
    fading = setTimeout(() => { if (!note.matches(":hover, :focus-within")) note.remove(); }, 15000);
  };
  // What came with the page is said anew, so that it is read out, and the address forgets it.
  const came = toasts && toasts.querySelector(".toast span");
  if (came) {
    const text = came.textContent;
    history.replaceState(history.state, "", here());
    toasts.replaceChildren();
    setTimeout(() => toast(text), 50);
  }

  // ---- forms that needn't leave the page, and those that must not when nobody would answer ----
  const sending = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    const quiet = form.matches("[data-quiet]") && isLive, careful = form.matches("[data-typed]") && !form.dataset.sure;
    if (away()) { event.preventDefault(); toast(own.awayClick, true); return; }
    if (!quiet && !careful) return;
    event.preventDefault();
    if (sending.has(form) || form.closest(".left")) return;
    sending.add(form);
    // Not `disabled`, which takes the focus away from the person who pressed Enter.
    const button = event.submitter || form.querySelector("button");
    button.setAttribute("aria-disabled", "true");
    try {
      if (careful) {
        // What was typed isn't given away before somebody is there to take it.
        await fetch("/panel/icon.svg", { cache: "no-store" });
        form.dataset.sure = "1";
        form.requestSubmit(event.submitter);
        return;
      }
      const headers = { "carteiro-live": "1" }, body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", headers, body, redirect: "follow" });
      const page = parse(await answer.text());
      const note = page.querySelector(".toast span, main p.problem");
      if (note) toast(note.textContent, !answer.ok);
      if (answer.ok && new URL(answer.url).pathname === location.pathname) take(page);
      if (answer.url.includes("/sign-in")) location.reload();
      hurry();
    } catch {
      toast(own.awayClick, true);
      missed();
      if (isLive) look();
    }
    sending.delete(form);
    if (!away()) button.removeAttribute("aria-disabled");
  });

  // ---- what only a script can do is shown by one ----
  const equip = () => {
    for (const field of all("input[name=tz]")) field.value = String(new Date().getTimezoneOffset());
    for (const zone of all(".zone")) zone.textContent = own.local;
    const buttons = "[data-select-all][hidden], button[data-copy][hidden], button[data-show][hidden]";
    for (const it of all(buttons)) it.hidden = false;
  };
  const picked = () => {
    const count = all("#rows input[name=id]:checked").length, place = $("#picked");
    if (place) place.textContent = count ? fill(count === 1 ? own.selectedOne : own.selected, count) : "";
  };
  document.addEventListener("change", (event) => {
    // A row that stayed because it was ticked goes with the next look.
    if (event.target.closest("#rows")) said.set("list", "");
    if (event.target.closest("[data-select-all]")) {
      for (const it of all("#rows input[name=id]:enabled")) it.checked = event.target.checked;
    }
    picked();
  });
  document.addEventListener("click", async (event) => {
    const on = (selector) => event.target.closest(selector);
    for (const open of all("details.pop[open], details.account[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
    if (on("[data-close]")) { event.preventDefault(); on(".toast").remove(); }
    const link = on("a[href^='/']");
    if (link && away()) { event.preventDefault(); toast(own.awayClick, true); }
    const time = on("time[title]");
    // A finger has no pointer to rest on a time.
    if (time && !link && matchMedia("(hover: none)").matches) toast(time.title);
    const shown = on("button[data-show]");
    if (shown) {
      const field = document.getElementById(shown.dataset.show), hide = field.type === "password";
      field.type = hide ? "text" : "password";
      shown.setAttribute("aria-pressed", hide);
      [shown.textContent, shown.dataset.hideText] = [shown.dataset.hideText, shown.textContent];
    }
    const button = on("button[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(from.textContent);
      const text = button.dataset.text || (button.dataset.text = button.textContent);
      button.textContent = own.copied;
      setTimeout(() => { button.textContent = text; }, 2000);
    } catch {
      const selection = getSelection(), range = document.createRange();
      range.selectNodeContents(from);
      selection.removeAllRanges();
      selection.addRange(range);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = $("details.pop[open], details.account[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });
  // An address without its scheme.
  const target = $("form[data-typed] #target");
  if (target) target.addEventListener("blur", () => {
    const text = target.value.trim();
    if (/^[^\s/:@]+\.[^\s/:@]+(:\d+)?([/?].*)?$/.test(text)) target.value = "https://" + text;
  });
  // The present is at the right.
  for (const wide of all(".scroll")) wide.scrollLeft = wide.scrollWidth;
  // ---- a link that signs in: its secret stands where only the page itself sees it, and leaves the address ----
  const pass = document.getElementById("link");
  if (pass && location.hash.length > 1) {
    pass.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    document.getElementById("link-field").hidden = true;
    document.getElementById("link-ready").hidden = false;
    document.getElementById("link-go").focus();
  }
  equip();
  picked();
  for (const field of all("input[data-at]")) {
    const at = new Date(field.dataset.at);
    field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  // A link that leads to a field opens what it is folded in.
  const goal = location.hash && document.getElementById(location.hash.slice(1));
  if (goal) {
    for (let it = goal.closest("details"); it; it = it.parentElement.closest("details")) it.open = true;
    goal.focus();
  }
  tick();
  setInterval(tick, 1000);
  live();
})();
