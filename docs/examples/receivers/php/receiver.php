<?php
http_response_code(500); // until it is kept; else PHP answers an error that it displays with a 200

function setting(string $name): string
{
    return getenv($name) ?: throw new RuntimeException("$name is not set");
}

$inbox = new PDO('sqlite:' . setting('INBOX'));
$inbox->exec('CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0)');

if (PHP_SAPI === 'cli') {
    while (true) {
        try {
            $waiting = $inbox->query('SELECT id, body FROM inbox WHERE done = 0 ORDER BY rowid')->fetchAll();
        } catch (Throwable $error) {
            fwrite(STDERR, "{$error->getMessage()}\n");
            $waiting = [];
        }
        foreach ($waiting as ['id' => $id, 'body' => $body]) {
            try {
                $notification = json_decode($body, true, 512, JSON_THROW_ON_ERROR);
                echo "$id {$notification['event']}\n"; // the shop's own work
                $inbox->prepare('UPDATE inbox SET done = 1 WHERE id = ?')->execute([$id]);
            } catch (Throwable $error) {
                fwrite(STDERR, "$id: {$error->getMessage()}\n");
            }
        }
        sleep(1);
    }
}

function is_signed(string $body, string $id, string $timestamp, string $signatures): bool
{
    if (abs(time() - (int) $timestamp) > 300) {
        return false;
    }
    $key = base64_decode(substr(setting('WEBHOOK_SECRET'), strlen('whsec_')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signatures = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';
$is_authorized = hash_equals(setting('WEBHOOK_AUTHORIZATION'), $_SERVER['HTTP_AUTHORIZATION'] ?? '');
if (!$is_authorized || !is_signed($body, $id, $timestamp, $signatures)) {
    http_response_code(401);
    exit;
}
$inbox->prepare('INSERT OR IGNORE INTO inbox (id, body) VALUES (?, ?)')->execute([$id, $body]);
http_response_code(204);
