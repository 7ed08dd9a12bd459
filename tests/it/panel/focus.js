// What has the keyboard's focus on an open page while what stands before it comes and goes. Its environment says what to
// drive: ADDRESS, TOKEN, WEBHOOK. Each event that it records has its target answer with words, or without, in turn.
// Ends with "all well".
"use strict";
const assert = require("assert");
const { chromium } = require("playwright-core");
const { ADDRESS, TOKEN, CHROMIUM, WEBHOOK } = process.env;
const base = `http://${ADDRESS}`;

(async () => {
  const record = async () => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const body = JSON.stringify({ event: { type: "ORDER.PAID", resource: {} } });
    const answer = await fetch(`${base}/api/events`, { method: "POST", headers, body });
    assert(answer.ok, `${answer.status}`);
  };
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const page = await (await browser.newContext({ locale: "pt-BR" })).newPage();
  page.setDefaultTimeout(20000);
  await page.goto(`${base}/sign-in`);
  await page.fill("#token", TOKEN);
  await page.click("main button.main");
  await page.waitForURL(`${base}/`);

  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  const said = page.locator("p.said");
  // The target's words go with one event, and come with the next.
  const changes = async (words, what) => {
    for (const state of ["detached", "attached"]) {
      await record();
      await said.waitFor({ state });
      assert.match(await focused(), words, `${what}: the words of the target are ${state}`);
    }
  };
  for (const path of ["/", `/webhooks/${WEBHOOK}`]) {
    const card = path === "/" ? ".trouble" : "#trouble";
    await page.goto(base + path);
    await page.locator(`${card} p.said`).waitFor();
    await page.focus(`${card} form[action$='/test'] button`);
    await changes(/^Enviar teste$/, `${path}, a button`);
    await page.focus(`${card} a[href$='#authorization']`);
    await changes(/^Corrigir autorização$/, `${path}, a link`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${base}/webhooks/${WEBHOOK}/edit#authorization`);
  }
  // What a button was pressed for takes its place, and the focus.
  await page.goto(`${base}/webhooks/${WEBHOOK}`);
  for (const [pressed, next] of [["Pausar", "Retomar"], ["Retomar", "Pausar"]]) {
    await page.focus(`#actions button:text-is("${pressed}")`);
    await page.keyboard.press("Enter");
    await page.locator(`#actions button:text-is("${next}")`).waitFor();
    assert.strictEqual(await focused(), next);
  }
  await browser.close();
  console.log("all well");
})().catch((error) => { console.log(error.stack); process.exit(1); });
