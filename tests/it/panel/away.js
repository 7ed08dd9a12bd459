// An open page while the daemon is away, and two tabs. Its environment says what to drive: ADDRESS and TOKEN. It asks
// for what only its caller can do by a line ("stop", "start") and awaits a line in answer. Ends with "all well".
"use strict";
const assert = require("assert");
const net = require("net");
const readline = require("readline");
const { chromium } = require("playwright-core");
const { ADDRESS, TOKEN, CHROMIUM } = process.env;

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what) => { console.log(what); return (await answers.next()).value; };

(async () => {
  // The daemon comes back at another port: browsers are led to it by one that stays.
  let target = ADDRESS;
  const relay = net.createServer((from) => {
    if (!target) { from.destroy(); return; }
    const [host, port] = target.split(":");
    const to = net.connect(Number(port), host);
    from.pipe(to).pipe(from);
    for (const [one, other] of [[from, to], [to, from]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise((go) => relay.listen(0, "127.0.0.1", go));
  const base = `http://127.0.0.1:${relay.address().port}`;
  const bearer = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const api = async (path, body) => {
    const answer = await fetch(`http://${target}${path}`, { method: "POST", headers: bearer, body: JSON.stringify(body) });
    assert(answer.ok, `${path}: ${answer.status}`);
    return (await answer.json()).data;
  };

  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const context = await browser.newContext({ locale: "pt-BR" });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  const broken = [];
  page.on("pageerror", (error) => broken.push(String(error)));

  await page.goto(`${base}/sign-in`);
  await page.fill("#token", TOKEN);
  await page.click("main button.main");
  await page.waitForURL(`${base}/`);
  const webhook = await api("/api/webhooks", { webhook: { name: "ERP", target: "http://127.0.0.1:9/x", events: ["*"] } });
  const paid = { type: "PAYMENT.PAID", external_id: "pedido-11249", resource: { payment: { id: "p" } } };
  const event = await api("/api/events", { event: paid });
  await page.goto(`${base}/events/${event.id}`);
  await page.locator(".pill.warn").first().waitFor();
  const form = await context.newPage();
  await form.goto(`${base}/webhooks/${webhook.id}/edit`);
  await form.fill("#name", "ERP Bling");

  // Away: the page says so, offers nothing that nobody would take, and stays what it is.
  await ask("stop");
  target = null;
  await page.locator("#away:visible").waitFor();
  assert.match(await page.locator("#away").innerText(), /^Sem conexão com o carteiro desde \d\d:\d\d\./);
  assert.strictEqual(await page.locator("button.resend[aria-disabled=true]").count(), 1);
  await page.locator("button.resend").click({ force: true });
  await page.locator(".toast.problem", { hasText: "nada foi enviado" }).waitFor();
  await page.locator(".brand").click();
  assert.strictEqual(new URL(page.url()).pathname, `/events/${event.id}`, "the page is still there");
  assert.match(await page.locator("h1").innerText(), /Pagamento pago/);
  // What was typed isn't given away.
  await form.click("form.card button.main");
  await form.locator(".toast.problem", { hasText: "nada foi enviado" }).waitFor();
  assert.strictEqual(await form.inputValue("#name"), "ERP Bling");

  // Back: by itself, with the same session.
  target = (await ask("start")).split(" ")[1];
  await page.locator("#away").waitFor({ state: "hidden" });
  assert.strictEqual(await page.locator("button.resend[aria-disabled]").count(), 0);
  await page.locator("button.resend").click();
  await page.locator(".toast:has-text('Reenviada: ')").waitFor();
  await Promise.all([form.waitForURL(/\/webhooks\/[0-9a-f-]+(\?|$)/), form.click("form.card button.main")]);
  assert.strictEqual(await form.locator("h1").innerText(), "ERP Bling");

  // Two tabs edit one webhook: the second is told of the first.
  const tabs = await Promise.all([0, 1].map(async () => {
    const tab = await context.newPage();
    await tab.goto(`${base}/webhooks/${webhook.id}/edit`);
    return tab;
  }));
  for (const [nth, tab] of tabs.entries()) {
    await tab.fill("#name", `Aba ${nth}`);
    await Promise.all([tab.waitForEvent("load"), tab.click("form.card button.main")]);
  }
  assert.match(await tabs[1].locator("main").innerText(), /alterado em outra janela[^]*Salvo agora: Aba 0/);
  assert.strictEqual(await tabs[1].inputValue("#name"), "Aba 1");

  // Signed out in another tab: an open page leads to the sign-in, a form keeps what was typed.
  await tabs[0].goto(`${base}/webhooks/${webhook.id}/edit`);
  await tabs[0].fill("#name", "Digitado");
  await tabs[1].click("#account summary");
  await Promise.all([tabs[1].waitForEvent("load"), tabs[1].click("form[action='/sign-out'] button")]);
  await page.waitForURL(/\/sign-in/);
  await Promise.all([tabs[0].waitForEvent("load"), tabs[0].click("form.card button.main")]);
  assert.match(await tabs[0].locator("#token-problem").innerText(), /Sua sessão terminou e nada foi salvo/);
  await tabs[0].fill("#token", TOKEN);
  await Promise.all([tabs[0].waitForEvent("load"), tabs[0].click("main button.main")]);
  assert.strictEqual(await tabs[0].inputValue("#name"), "Digitado");

  assert.deepStrictEqual(broken, []);
  await browser.close();
  console.log("all well");
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
