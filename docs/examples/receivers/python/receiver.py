import hmac
import json
import os
import sqlite3
import threading
import traceback
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from standardwebhooks import Webhook

AUTHORIZATION = os.environ["WEBHOOK_AUTHORIZATION"].encode()
WEBHOOK = Webhook(os.environ["WEBHOOK_SECRET"])
LONGEST = 512 * 1024
ARRIVED = threading.Event()


def inbox():
    db = sqlite3.connect(os.environ["INBOX"], timeout=10)
    db.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0)")
    return db


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), AUTHORIZATION):
            return self.answer(401)
        length = int(self.headers.get("Content-Length", 0))
        if not 0 <= length <= LONGEST:
            return self.answer(413)
        body = self.rfile.read(length)
        try:
            WEBHOOK.verify(body, dict(self.headers))
        except Exception:
            return self.answer(401)
        with closing(inbox()) as db, db:
            db.execute("INSERT OR IGNORE INTO inbox (id, body) VALUES (?, ?)", (self.headers["webhook-id"], body))
        ARRIVED.set()
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def work():
    while True:
        failed = False
        try:
            with closing(inbox()) as db:
                for id, body in db.execute("SELECT id, body FROM inbox WHERE done = 0 ORDER BY rowid").fetchall():
                    try:
                        notification = json.loads(body)
                        print(id, notification["event"], flush=True)  # the shop's own work
                        with db:
                            db.execute("UPDATE inbox SET done = 1 WHERE id = ?", (id,))
                    except Exception:
                        traceback.print_exc()
                        failed = True
        except Exception:
            traceback.print_exc()
            failed = True
        ARRIVED.wait(1 if failed else None)
        ARRIVED.clear()


threading.Thread(target=work, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
