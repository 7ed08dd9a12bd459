import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { access, link, mkdir, open, readdir, readFile, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const { WEBHOOK_AUTHORIZATION, WEBHOOK_SECRET, INBOX, PORT = 9000 } = process.env;
const webhook = new Webhook(WEBHOOK_SECRET);
const LONGEST = 512 * 1024;
const digest = (text) => createHash("sha256").update(text).digest();

async function keep(id, body) {
  const draft = `${INBOX}/draft-${randomUUID()}`;
  const file = await open(draft, "wx");
  await file.writeFile(body);
  await file.sync();
  await file.close();
  const isNew = await link(draft, `${INBOX}/${id}`).then(() => true, (error) => {
    if (error.code === "EEXIST") return false;
    throw error;
  });
  await unlink(draft);
  const folder = await open(INBOX);
  await folder.sync();
  await folder.close();
  return isNew;
}

async function work(id) {
  const notification = JSON.parse(await readFile(`${INBOX}/${id}`, "utf8"));
  console.log(id, notification.event); // the shop's own work
  await writeFile(`${INBOX}/${id}.done`, "");
}

async function receive(request) {
  const { authorization = "", "content-length": length, "webhook-id": id } = request.headers;
  if (!timingSafeEqual(digest(authorization), digest(WEBHOOK_AUTHORIZATION))) return 401;
  if (!(length <= LONGEST)) return 413;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  try {
    webhook.verify(body, request.headers);
  } catch {
    return 401;
  }
  if (!/^[\w-]+$/.test(id)) return 400;
  if (await keep(id, body)) setImmediate(() => work(id).catch(console.error));
  return 204;
}

await mkdir(INBOX, { recursive: true });
for (const name of await readdir(INBOX)) {
  const done = /^draft-|\.done$/.test(name) || (await access(`${INBOX}/${name}.done`).then(() => true, () => false));
  if (!done) await work(name).catch(console.error);
}
createServer(async (request, response) => {
  const status = await receive(request).catch(() => 500);
  response.writeHead(status, request.complete ? {} : { connection: "close" }).end();
}).listen(PORT, "127.0.0.1");
