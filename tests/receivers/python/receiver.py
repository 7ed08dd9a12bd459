import hmac
import json
import os
import sqlite3
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from standardwebhooks import Webhook

AUTHORIZATION = os.environ["WEBHOOK_AUTHORIZATION"].encode()
WEBHOOK = Webhook(os.environ["WEBHOOK_SECRET"])
ARRIVED = threading.Event()


def inbox():
    db = sqlite3.connect(os.environ["INBOX"], timeout=10)
    db.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0)")
    return db


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), AUTHORIZATION):
            return self.answer(401)
        try:
            WEBHOOK.verify(body, dict(self.headers))
        except Exception:
            return self.answer(401)
        db = inbox()
        with db:
            db.execute("INSERT OR IGNORE INTO inbox (id, body) VALUES (?, ?)", (self.headers["webhook-id"], body))
        db.close()
        ARRIVED.set()
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def work():
    db = inbox()
    while True:
        for id, body in db.execute("SELECT id, body FROM inbox WHERE done = 0 ORDER BY rowid").fetchall():
            try:
                notification = json.loads(body)
                print(id, notification["event"], flush=True)  # the shop's own work
            except Exception:
                traceback.print_exc()
                continue
            with db:
                db.execute("UPDATE inbox SET done = 1 WHERE id = ?", (id,))
        ARRIVED.wait()
        ARRIVED.clear()


threading.Thread(target=work, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
