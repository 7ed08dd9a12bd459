// Every list on a narrow phone: no row is higher than a finger's reach, and nothing stands sideways. Its environment
// says what to drive: ADDRESS, TOKEN, CHROMIUM, and PATHS. Ends with "all well".
"use strict";
const assert = require("assert");
const { chromium } = require("playwright-core");
const { ADDRESS, TOKEN, CHROMIUM, PATHS } = process.env;
const base = `http://${ADDRESS}`;
const HIGHEST = 150;

(async () => {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const page = await (await browser.newContext({ locale: "pt-BR", viewport: { width: 360, height: 800 } })).newPage();
  page.setDefaultTimeout(20000);
  await page.goto(`${base}/sign-in`);
  await page.fill("#token", TOKEN);
  await page.click("main button.main");
  await page.waitForURL(`${base}/`);
  for (const path of PATHS.split(" ")) {
    await page.goto(base + path);
    const rows = await page.$$eval("table.rows:not(.attempts) tbody tr", (all) => all.map((it) => [it.offsetHeight, it.innerText]));
    assert(rows.length, `${path} has rows`);
    const high = rows.filter(([height]) => height > HIGHEST);
    assert.deepStrictEqual(high, [], `${path}: rows higher than ${HIGHEST} pixels`);
    // Whether people are told is said of a channel that fails as of all others, and what is cut is a tap away.
    const channels = rows.filter(([, text]) => /^(ntfy|Webhook) /.test(text));
    if (path === "/alerts") {
      assert(channels.length === 2 && channels.every(([, text]) => /Último envio: /.test(text)), `${channels}`);
      const [folded, whole] = [await page.locator("#channels .problem").boundingBox(),
        await page.locator("#channels summary").click().then(() => page.locator("#channels .problem").boundingBox())];
      assert(folded.height < whole.height, "the whole of what went wrong");
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wide <= 0, `${path} is ${wide} pixels wider than its screen`);
  }
  await browser.close();
  console.log("all well");
})().catch((error) => { console.log(error.stack); process.exit(1); });
