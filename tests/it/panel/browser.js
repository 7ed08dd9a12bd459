// Drives the panel as a person does, in Chromium. Its environment says what to drive: ADDRESS, TOKEN, READER, TARGET,
// and SCRIPT ("on" or "off"). Ends with "all well", or with what was not.
"use strict";
const assert = require("assert");
const fs = require("fs");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { ADDRESS, TOKEN, READER, TARGET, SCRIPT, CHROMIUM } = process.env;
const base = `http://${ADDRESS}`;
const scripted = SCRIPT === "on";
const HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'>";

const bearer = { authorization: `Bearer ${TOKEN}` };
const json = { ...bearer, "content-type": "application/json" };
const api = async (path, body) => {
  const answer = await fetch(base + path, { method: "POST", headers: json, body: JSON.stringify(body) });
  assert(answer.ok, `${path}: ${answer.status}`);
  return (await answer.json()).data;
};

(async () => {
  // As CI's containers need it; without the rest Chromium calls home.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const viewport = { width: 1100, height: 800 };
  const context = await browser.newContext({ javaScriptEnabled: scripted, locale: "pt-BR", viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const broken = [];
  page.on("pageerror", (error) => broken.push(String(error)));
  page.on("console", (message) => { if (/Content Security Policy/.test(message.text())) broken.push(message.text()); });
  page.on("dialog", (dialog) => { broken.push(dialog.message()); dialog.dismiss(); });

  const at = (path) => page.goto(base + path);
  const text = async (selector) => (await page.locator(selector).first().innerText()).trim();
  // Also of what is folded.
  const whole = (selector) => page.locator(selector).first().textContent();
  const click = (selector) => page.locator(selector).first().click();
  // Does what leads to another page, and awaits it: what comes next must not meet the page before it, nor cut the way
  // short.
  const leads = (act) => Promise.all([page.waitForEvent("load"), act()]);
  const submit = (selector) => leads(() => click(selector));
  // Forms that a script sends without leaving the page.
  const quietly = (act) => scripted ? act() : leads(act);
  // Awaits a part of the page: with a script it comes by itself, without one the page is asked for again.
  const comes = async (selector, path) => {
    if (scripted) return page.locator(selector).first().waitFor({ state: "attached" });
    for (const start = Date.now(); Date.now() - start < 20000;) {
      if (await page.locator(selector).count()) return;
      await new Promise((go) => setTimeout(go, 100));
      await at(path);
    }
    assert.fail(`${selector} never came to ${path}`);
  };
  // Opens what is folded around a field, unless it is open.
  const unfold = async (summary, field) => { if (!await page.locator(field).first().isVisible()) await click(summary); };
  // What is done stands in a place of its own, with a script a moment later.
  const said = async (words) => { await page.locator(".toast").first().waitFor(); assert.match(await text(".toast"), words); };
  // The page's own policy keeps a script out that isn't its own, so axe examines a copy of the page, as a phone shows it in
  // the dark and then a wide screen in the light: by all its rules but those of AAA, and by the one of names that it holds
  // for an experiment. It does so while the test goes on; two copies take turns.
  const copied = async () => {
    const like = { bypassCSP: true, locale: "pt-BR" };
    return { copy: await (await browser.newContext(like)).newPage(), judged: Promise.resolve() };
  };
  const copies = scripted ? [await copied(), await copied()] : [];
  const all_judged = () => Promise.all(copies.map((own) => own.judged));
  const judge = async (copy, what) => {
    await copy.evaluate(axe);
    const judged = async (look) => {
      const found = await copy.evaluate(async () => {
        const rules = { "label-content-name-mismatch": { enabled: true } };
        const { violations } = await axe.run(document, { rules });
        return violations.map((it) => `${it.id}: ${it.nodes[0].target}`);
      });
      assert.deepStrictEqual(found, [], `${what}, ${look}`);
      const wide = await copy.evaluate(() => document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > innerWidth)
          .map((it) => `${it.tagName}.${it.getAttribute("class")}`).slice(0, 9));
      assert.deepStrictEqual(wide, [], `${what} is wider than its screen, ${look}`);
    };
    await judged("dark, 360 pixels wide");
    await copy.emulateMedia({ colorScheme: "light" });
    await copy.setViewportSize({ width: 1280, height: 800 });
    await judged("light, 1280 pixels wide");
    // A page that is left open follows what happens, which costs.
    await copy.goto("about:blank");
  };
  const accessible = async (what, path, lang = "pt") => {
    if (!scripted) return;
    const own = copies[0], { copy } = own;
    copies.reverse();
    await own.judged;
    await copy.context().clearCookies();
    await copy.context().addCookies([...await context.cookies(), { name: "carteiro-lang", value: lang, url: base }]);
    const narrow = { width: 360, height: 800 };
    await copy.setViewportSize(narrow);
    await copy.emulateMedia({ colorScheme: "dark" });
    await copy.goto(path ? base + path : page.url());
    const rows = await copy.$$eval("table.rows:not(.attempts) tbody tr", (all) => all.slice(0, 50).map((it) => it.offsetHeight));
    assert(rows.every((height) => height <= 150), `${what}: rows of ${rows} pixels`);
    for (const it of await copy.$$("main details")) await it.evaluate((details) => { details.open = true; });
    own.judged = judge(copy, `${what}, ${lang}`);
    // Whoever awaits it next is told of it.
    own.judged.catch(() => {});
  };
  // What was refused is shown with the focus where somebody can mend it, with a script and without.
  const focused_on = (selector) => page.locator(`${selector}:focus`).waitFor({ state: "attached" });

  // Sign in.
  await at("/events");
  await accessible("sign-in");
  await page.fill("#token", "ctr_wrong");
  await submit("main button.main");
  assert.match(await text("#token-problem"), /desconhecido/);
  await focused_on("#token");
  await page.fill("#token", TOKEN);
  await submit("main button.main");
  await page.waitForURL(base + "/events");
  await click(".empty summary");
  assert.match(await text(".empty pre"), new RegExp(`curl -X POST ${base}/api/events`), "the first step, filled in");
  const cookie = (await context.cookies()).find((it) => it.name === "carteiro");
  assert(cookie.httpOnly && cookie.sameSite === "Strict" && !cookie.secure);

  // Both languages.
  await click("#account summary");
  await submit("button[value=en]");
  assert.strictEqual(await text("h1"), "Events");
  assert.strictEqual(await page.getAttribute("html", "lang"), "en");
  await click("#account summary");
  await submit("button[value=pt]");
  assert.strictEqual(await text("h1"), "Eventos");

  // The first page leads on for as long as there is nothing to show.
  await at("/");
  assert.match(await text("h1"), /Boas-vindas/);
  assert.strictEqual(await page.locator(".steps li.done").count(), 1);
  await accessible("first steps");

  // Create: problems beside the fields, what was typed stays.
  await at("/webhooks");
  await submit("a.btn.main");
  await accessible("new webhook");
  await page.fill("#target", "ftp://loja.example");
  await unfold("#advanced > summary", "#description");
  await page.fill("#description", HOSTILE);
  await unfold("#more-patterns > summary", "#more");
  await page.fill("#more", "pagamento.pago pedido");
  await submit("form.card button.main");
  assert.match(await text("#target-problem"), /http ou https/);
  await focused_on("#target");
  assert.match(await text("#events-problem"), /escreva PAYMENT.PAID\..*“pedido” não é um evento/, "each that is wrong");
  assert.strictEqual(await page.inputValue("#description"), HOSTILE);
  await page.fill("#name", "ERP Bling");
  await page.fill("#target", TARGET);
  await submit("form.card button.main");
  await focused_on("#more");
  await page.fill("#more", "");
  await submit("form.card button.main");
  assert.match(await text("#events-problem"), /ao menos um evento/);
  await focused_on("[id='event-*']");
  await page.fill("#authorization", "token-da-loja");
  if (scripted) {
    await click("button[data-show]");
    assert.strictEqual(await page.getAttribute("#authorization", "type"), "text");
    await page.fill("#target", "loja.example/x");
    await page.locator("#target").blur();
    assert.strictEqual(await page.inputValue("#target"), "https://loja.example/x");
    await page.fill("#target", TARGET);
  }
  await page.check("[id='event-PAYMENT.*']");
  await submit("form.card button.main");
  assert.match(await text("#secret"), /^whsec_/);
  assert.strictEqual(await text("h1"), "ERP Bling");
  await said(/^ERP Bling: webhook criado/);
  if (scripted) assert.strictEqual(new URL(page.url()).search, "", "the note is no part of the address");
  const webhook = new URL(page.url()).pathname;
  await page.reload();
  assert.match(await text("#secret"), /^whsec_/, "shown until somebody has kept it");
  await submit("form[action$='/kept'] button");
  assert.strictEqual(await page.locator("#secret").count(), 0);
  await accessible("webhook");
  for (const tab of ["signature", "configuration"]) {
    await at(`${webhook}?tab=${tab}`);
    await accessible(tab);
  }
  await at("/");
  await accessible("a webhook and no event");
  await at(webhook);

  // Edit: what there is stands in the form, what is wrong is said beside its field.
  await submit("a.btn[href$='/edit']");
  assert.strictEqual(await page.inputValue("#target"), TARGET);
  assert(await page.isChecked("[id='event-PAYMENT.*']"));
  await accessible("edit");
  await unfold("#advanced > summary", "#retry_schedule");
  await page.fill("#retry_schedule", "3s 1 fortnight");
  await submit("form.card button.main");
  assert.match(await text("#retry_schedule-problem"), /de 1 a 19 intervalos/);
  await focused_on("#retry_schedule");
  assert.strictEqual(await page.inputValue("#retry_schedule"), "3s 1 fortnight");
  await page.fill("#retry_schedule", "3s 5s");
  await page.fill("#retry_attempts", "4");
  await page.fill("#headers", "X-Loja: 42");
  await submit("form.card button.main");
  await said(/^ERP Bling: salvo/);
  await at(`${webhook}?tab=configuration`);
  assert.match(await text("dl.facts"), /3s 5s[^]*x-loja/);

  // Rotate: the secret is shown, once.
  await at(`${webhook}?tab=signature`);
  await submit("a.btn[href$='/rotate']");
  await accessible("rotate");
  await submit("form.card button.main");
  assert.match(await text("#secret"), /^whsec_/);
  await submit("form[action$='/kept'] button");
  assert.strictEqual(await page.locator("#secret").count(), 0);

  // Test: its outcome is what is shown. The first answer of the target is a redirect to a long address, the second a
  // 500.
  await submit("form[action$='/test'] button");
  await page.waitForURL(/\/notifications\/[0-9a-f-]+$/);
  await comes(".code.bad", new URL(page.url()).pathname);
  assert.match(await whole("tr.attempt .tag"), /teste/);
  assert.match(await text(".why.bad"), /redirecionamento para https:\/\/loja.example\/x{300}/);
  await accessible("a long word");

  // Receive, fail, watch the retry.
  const payment = { id: "p-1", nome: HOSTILE };
  const paid = { type: "PAYMENT.PAID", external_id: "pedido-1", resource: { payment } };
  const event = await api("/api/events", { event: paid });
  const own = `/events/${event.id}`;
  await at(own);
  await comes(".code.bad", own);
  await comes(".pill.ok", own);
  assert.match(await text("h1"), /^Pagamento pago$/);
  assert.match(await text(".notification .say"), /^Confirmou na 2ª tentativa/);
  const opened = async () => { await unfold(".notification > details > summary", "table.attempts"); };
  await opened();
  assert.match(await text(".why.bad"), /O destino respondeu 500/);
  assert((await text("#resource")).includes(HOSTILE), "the resource, as text");
  await page.locator(".attempts summary").last().click();
  assert((await page.locator(".attempts pre").last().innerText()).includes(HOSTILE), "the answer, as text");
  await accessible("event");

  // Re-send, and see the new attempt come: what was done is said by its name, and how it ended.
  const tried = () => page.locator("tr.attempt").count();
  const before = await tried();
  await quietly(() => click("button.resend"));
  await said(/^Reenviada: .* para ERP Bling – 200, entregue em/);
  await comes(`.attempts tbody tr:nth-child(${2 * before + 1})`, own);
  assert.match(await whole("tr.attempt .tag"), /manual/);

  // By keyboard alone: on to the button that re-sends, and Enter.
  await at(own);
  const had_before = await tried();
  const reached = () => page.evaluate(() => document.activeElement.className);
  await page.locator("#content").focus().catch(() => {});
  for (let tabs = 0; scripted && tabs < 40 && !/resend/.test(await reached()); tabs++) await page.keyboard.press("Tab");
  if (scripted) assert.match(await reached(), /resend/); else await page.locator("button.resend").first().focus();
  await quietly(() => page.keyboard.press("Enter"));
  await comes(`.attempts tbody tr:nth-child(${2 * had_before + 1})`, own);
  if (scripted) assert.match(await reached(), /resend/, "the focus stays on the button");

  // Why another webhook doesn't receive it.
  const long = `${TARGET}/pedidos?${"x".repeat(600)}`;
  const silent = await api("/api/webhooks", { webhook: { target: long, events: ["ORDER.NOT_PAID"] } });
  await at(`/webhooks/${silent.id}`);
  assert((await page.locator(".url").first().boundingBox()).height < 60, "a long target is clipped below the title");
  await accessible("a long target");
  await at(`/webhooks/${silent.id}?tab=configuration`);
  assert((await text("dl.facts")).includes(silent.target), "and stands whole in the configuration");
  await at("/webhooks");
  await accessible("webhooks");
  await at(own);
  await click("#others summary");
  assert.match(await text("#others"), /nenhum dos seus padrões \(ORDER.NOT_PAID\) corresponde a PAYMENT.PAID/);

  // A filter is tried on what came last, used from there, and taken away.
  const filter = "form:has(#filter)";
  await at(`${webhook}/filter`);
  await page.fill("#filter", '{"payment": {"id": {"$is": "p-1"}}}');
  await submit(`${filter} button.main`);
  await focused_on("#filter");
  assert.match(await text("#filter-problem"), /^payment.id.\$is \(linha 1, coluna 28\) não é um operador/);
  await page.fill("#filter", '{"payment": {"id": "p-2"}}');
  await submit(`${filter} button.main`);
  assert.match(await text("#tried"), /: 0 de 1[^]*Não atende[^]*payment.id é "p-1", o que não atende a "p-2"/);
  await accessible("a filter that is tried");
  await page.fill("#filter", '{"payment": {"id": "p-1"}}');
  await submit(`${filter} button.main`);
  assert.match(await text("#tried"), /: 1 de 1[^]*pedido-1[^]*Atende$/);
  await submit(`${filter} button[formaction]`);
  assert.strictEqual(await page.inputValue("#filter"), '{"payment": {"id": "p-1"}}');
  await submit("form.card button.main");
  await at(`${webhook}?tab=configuration`);
  assert.match(await text("dl.facts"), /Filtro por conteúdo[^]*"id": "p-1"/);
  await accessible("a filter");
  await at(`${webhook}/edit`);
  await page.fill("#filter", "");
  await submit("form.card button.main");
  await at(own);

  // Live, without a jump: what is open stays open, what is read stays where it is, what is focused keeps the focus.
  if (scripted) {
    await page.setViewportSize({ width: 1100, height: 300 });
    await opened();
    const read = page.locator(".attempts details").last();
    await read.locator("summary").click();
    await read.scrollIntoViewIfNeeded();
    await read.locator("summary").focus();
    const spot = await read.boundingBox();
    const had = await tried();
    await page.evaluate(() => { window.stays = document.activeElement; });
    await api(`/api/events/${event.id}/resend`, {});
    const begun = Date.now();
    await page.locator(`.attempts tbody tr:nth-child(${2 * had + 1})`).waitFor({ state: "attached" });
    assert(Date.now() - begun < 3500, "a stream is faster than asking every four seconds");
    assert(await read.evaluate((it) => it.open), "what is open stays open");
    const stays = await page.evaluate(() => window.stays === document.activeElement && window.stays.isConnected);
    assert(stays, "the focus stays");
    const after = await read.boundingBox();
    assert(Math.abs(after.y - spot.y) < 2, `what is read moved from ${spot.y} to ${after.y}`);
    await page.setViewportSize({ width: 1100, height: 800 });

    // A list: an event comes by itself, at the top, but not under the pointer, the focus, or beside a ticked box.
    await at("/notifications");
    const first = () => page.locator("#rows tbody tr").first().getAttribute("id");
    const live = { type: "PAYMENT.PAID", external_id: "ao-vivo", resource: { payment: { id: "p-vivo" } } };
    const record = () => api("/api/events", { event: live });
    const comesIn = (was) => page.locator(`#rows tbody tr:first-child:not([id="${was}"])`).waitFor();
    const waits = async (why) => {
      const was = await first(), at = await page.locator("#rows tbody tr").first().boundingBox();
      const coming = await record();
      await page.locator(".news:visible").waitFor();
      assert.strictEqual(await first(), was, `rows moved ${why}`);
      const { y } = await page.locator("#rows tbody tr").first().boundingBox();
      assert.strictEqual(y, at.y, `rows were pushed ${why}`);
      return { was, coming };
    };
    const nowhere = () => page.mouse.move(1, 1);
    await nowhere();
    const was = await first();
    await record();
    await comesIn(was);
    await page.locator("#rows tbody td.what").first().hover();
    const { was: pointed } = await waits("under the pointer");
    await nowhere();
    await comesIn(pointed);
    await page.locator(".news").waitFor({ state: "hidden" });
    await page.locator("#rows tbody a").first().focus();
    const { was: focused } = await waits("under the focus");
    await page.evaluate(() => document.activeElement.blur());
    await comesIn(focused);
    await page.locator("#rows input[name=id]").first().check();
    const ticked = await page.locator("#rows input[name=id]").first().inputValue();
    await nowhere();
    await page.evaluate(() => document.activeElement.blur());
    const { was: beside, coming } = await waits("beside a ticked box");
    await page.locator(".news").click();
    await comesIn(beside);
    assert(await page.isChecked(`#rows input[value="${ticked}"]`), "ticked boxes stay");
    // One that is listed no more stays for as long as it is ticked.
    await at("/notifications?status=DELIVERED");
    await page.locator("#rows input[name=id]").first().check();
    const leaving = await page.locator("#rows input[name=id]").first().inputValue();
    await nowhere();
    await page.evaluate(() => document.activeElement.blur());
    await page.route("**/notifications?status=DELIVERED", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(new RegExp(`<tr id="n-${leaving}"[^]*?</tr>`), "");
      await route.fulfill({ response: answer, body });
    });
    await waits("as a ticked one left");
    // What it shows may be over: it says so, and re-sends nothing.
    await page.locator(`#n-${leaving}.left button[aria-disabled="true"]`).waitFor();
    assert.match(await text(`#n-${leaving}`), /Não está mais nesta lista/);
    await page.locator(".news").click();
    await page.locator(`#rows tbody tr:last-child.left input[value="${leaving}"]:checked`).waitFor();
    await page.unroute("**/notifications?status=DELIVERED");
    await at(`/events/${coming.id}`);
    await comes(".pill.ok", "");
  }
  await fetch(`${base}/api/webhooks/${silent.id}`, { method: "DELETE", headers: bearer });

  // A type of as many letters as one may have.
  const wordy = await api("/api/events", { event: { type: `PAYMENT.${"X".repeat(80)}`, resource: {} } });
  await at(`/events/${wordy.id}`);
  await comes(".pill.ok", `/events/${wordy.id}`);
  await accessible("a long type");
  await at("/notifications");
  await accessible("a long type among notifications");

  // Filter and page.
  const one = (_, n) => ({ type: "ORDER.PAID", external_id: `lote-${n}`, resource: { n } });
  await api("/api/events/batch", { events: Array.from({ length: 120 }, one) });
  await at("/events");
  await accessible("events");
  const rows = () => page.locator("#rows tbody tr").count();
  const first = await page.locator("#rows tbody tr").first().getAttribute("id");
  assert.strictEqual(await rows(), 50);
  await submit("a[rel=next]");
  const second = await page.locator("#rows tbody tr").first().getAttribute("id");
  await submit("a[rel=next]");
  const events = await (await fetch(`${base}/api/events?limit=500`, { headers: bearer })).json();
  assert.strictEqual(await rows(), events.data.length - 100);
  await submit("a[rel=prev]");
  assert.strictEqual(await page.locator("#rows tbody tr").first().getAttribute("id"), second);
  await submit("a[rel=prev]");
  assert.strictEqual(await page.locator("#rows tbody tr").first().getAttribute("id"), first);
  await click("#more-filters summary");
  await accessible("filters");
  await page.fill("#external_id", "pedido-1");
  await submit("#more-filters button.main");
  assert.strictEqual(await rows(), 1);
  await submit(".chip.set");
  assert(await rows() > 1, "a chip takes its filter away");
  await at("/events?undelivered=1");
  assert.match(await text("#list"), /Nada encontrado/, "all that was pending is delivered, and tests are apart");

  if (scripted) {
    // A person who reads further down is asked before rows move.
    await at("/events");
    const top = () => page.locator("#rows tbody tr").first().getAttribute("id");
    const was = await top();
    await page.evaluate(() => window.scrollTo(0, 600));
    await api("/api/events", { event: { type: "ORDER.CREATED", resource: { order: { id: "o-novo" } } } });
    await page.locator(".news:visible").waitFor();
    assert.strictEqual(await top(), was);
    await page.locator(".news").click();
    await page.locator(`#rows tbody tr:first-child:not([id="${was}"])`).waitFor();
    assert.strictEqual(await page.evaluate(() => window.scrollY), 0);
    // Something on the way lets no stream through: the page asks by itself.
    await page.route("**/live", (route) => route.abort());
    await at("/events");
    const last = await top();
    await api("/api/events", { event: { type: "ORDER.CREATED", resource: { order: { id: "o-sem" } } } });
    await page.locator(`#rows tbody tr:first-child:not([id="${last}"])`).waitFor();
    await page.unroute("**/live");
  }

  // By response, status and period; by one that has no index too.
  await at("/notifications");
  await click("#more-filters summary");
  await page.selectOption("#response", "2xx");
  await submit("#more-filters button.main");
  await click("#period-filter summary");
  await page.selectOption("#period", "1h");
  await submit("#period-filter button.main");
  assert.match(page.url(), /response=2xx/);
  assert(await rows() >= 1);
  assert.strictEqual(await page.locator("a[href^='/notifications/resend?']").count(), 1, "all that match can be re-sent");
  await at("/notifications?response=404");
  assert.strictEqual(await page.locator("#rows").count(), 0);
  await at("/events?from=2020-01-01T00:00&to=2020-01-02T00:00");
  assert.strictEqual(await page.locator("#rows").count(), 0);
  assert.match(await text("#list"), /Nada encontrado/);
  await at("/events?from=2020-01-01T00:00");
  assert.strictEqual(await rows(), 50);

  // Select and re-send; all that match.
  await at("/notifications?status=DELIVERED");
  await accessible("notifications");
  await page.locator("#rows input[name=id]").first().check();
  await submit("#many button[type=submit]");
  await said(/^1 notificação reenviada\./);
  await at("/notifications?status=DELIVERED");
  await submit("a[href^='/notifications/resend?']");
  assert.match(await text("form.card"), /Reenviar [\d.]+ notificaç(ão|ões)\?/);
  assert.match(await text("form.card .warning"), /em dobro/, "what was delivered goes again");
  await accessible("a bulk resend asks");
  await submit("form.card button[type=submit]");
  await comes("#job:has-text('Concluído')", new URL(page.url()).pathname);
  await accessible("bulk resend");
  await at("/notifications");
  assert(!await page.locator("#resends li").first().isVisible(), "what has ended lies folded");
  await accessible("notifications below a bulk resend");
  await click("#late-jobs summary");
  assert.match(await text("#resends li"), /^Concluído · (há .*|agora) · \d+ reenviadas?: \d+ (entregue|ainda)/);
  await submit("#resends a");
  assert.match(await text("#job"), /Situação\s+Entregue/);
  const job = new URL(page.url()).pathname.split("/").pop();
  await accessible("what a job has sent", `/notifications?job_id=${job}`);

  // Home: the chart leads to what it counts.
  await at("/");
  assert.match(await text(".health"), /^Tudo certo:/);
  assert(await page.locator("svg.chart rect.ok").count(), "the chart has what was delivered");
  await accessible("home");
  await leads(() => page.locator("svg.chart a").last().click());
  assert(await rows() > 1);

  // What there is to know for whoever looks after carteiro, and a page that asks before a payload is erased.
  await api("/api/erasures", { q: "pedido-de-ninguem" });
  await at("/erasures");
  await comes("#rows .pill.ok", "/erasures");
  for (const path of ["/event-types", "/system", "/tokens", "/alerts", "/audit", "/erasures"]) await accessible(path, path);
  const english = ["/", "/events", own, "/notifications", `${webhook}/edit`, "/event-types"];
  for (const path of english) await accessible(path, path, "en");
  // None of these forms loses the keyboard's place either; of what no field is to blame for, the sentence has it.
  await at("/tokens");
  await submit("form.card button.main");
  await focused_on("#name");
  await page.fill("#name", "Loja");
  await submit("form.card button.main");
  await focused_on("#scope-admin");
  await at(`${webhook}/backfill?asked=1&from=2026-02-01T00:00&to=2026-01-01T00:00`);
  await focused_on("p.problem");
  await at("/events");
  await submit("#rows a.t1");
  await submit("a[href$='/erase']");
  assert.match(await text("form.card"), /Ficam o tipo/);
  await accessible("erase");

  // By an order's number, from every page.
  await page.fill(".find input", "pedido-1");
  await leads(() => page.keyboard.press("Enter"));
  assert.match(await text("main"), /pedido-1/);
  await accessible("found");
  await at("/search?q=00000");
  assert.match(await text("main"), /Nada encontrado para “00000”/);
  await accessible("nothing found");

  // Pause, hold, delete.
  await at(webhook);
  const status = (to) => {
    const body = JSON.stringify({ webhook: { status: to } });
    return fetch(base + `/api${webhook}`, { method: "PATCH", headers: json, body });
  };
  // By somebody else: the buttons are told as well.
  await status("PAUSED");
  await comes("#state .pill.idle", webhook);
  await comes("form[action$='/resume'] button", webhook);
  assert.strictEqual(await page.locator("form[action$='/pause']").count(), 0);
  await status("ACTIVE");
  await comes("form[action$='/pause'] button", webhook);
  await page.focus("form[action$='/pause'] button");
  await quietly(() => page.keyboard.press("Enter"));
  await comes("#state .pill.idle", webhook);
  await comes("form[action$='/resume'] button", webhook);
  const focused = () => page.evaluate(() => document.activeElement.innerText);
  if (scripted) assert.strictEqual(await focused(), "Retomar", "the focus stays");
  await api("/api/events", { event: { type: "PAYMENT.PAID", resource: { payment: { id: "p-2" } } } });
  await at("/events?undelivered=1");
  assert.strictEqual(await rows(), 1);
  await at(`${webhook}/delete`);
  assert.match(await text("form.card"), /1 notificação pendente será cancelada/);
  await accessible("delete");
  await submit("form.card button.danger");
  await said(/Webhook excluído/);
  assert.strictEqual(await page.locator("#rows").count(), 0);

  // A reader sees, and has no buttons.
  await all_judged();
  await click("#account summary");
  await submit("form[action='/sign-out'] button");
  await page.fill("#token", READER);
  await submit("main button.main");
  await at(own);
  assert.strictEqual(await page.locator("main form[method=post], main a.main").count(), 0);
  await accessible("reader");

  await all_judged();
  if (scripted) assert.strictEqual(await page.evaluate(() => window.hit), undefined);
  assert.deepStrictEqual(broken, []);
  await browser.close();
  console.log("all well");
})().catch((error) => { console.error(error); process.exit(1); });
