<?php
// Sends what is in the outbox to carteiro, in order, and deletes it once carteiro has confirmed. One worker is enough;
// start it by systemd or supervisor, which start it again if it ends. DB_DSN is one of PDO's, such as
// "pgsql:host=localhost;dbname=shop" or "sqlite:/srv/loja/shop.db".

const REFUSED = [400, 409, 413, 422]; // asking again would bring the same answer

function setting(string $name, ?string $otherwise = null): string
{
    return getenv($name) ?: $otherwise ?? throw new RuntimeException("$name is not set");
}

$server = setting('CARTEIRO_SERVER', 'http://127.0.0.1:8080');
$token = setting('CARTEIRO_TOKEN');

/** Records one event. Null once carteiro has it, or why it never will; throws where it is to be tried again. */
function record(string $server, string $token, array $row): ?string
{
    $headers = ["Authorization: Bearer $token", 'Content-Type: application/json', "Idempotency-Key: {$row['id']}"];
    $options = ['method' => 'POST', 'header' => $headers, 'timeout' => 30, 'ignore_errors' => true];
    // The resource as it stands in the table: decoding it and encoding it again could change its numbers.
    $names = json_encode(['id' => $row['id'], 'type' => $row['type']], JSON_THROW_ON_ERROR);
    $options['content'] = '{"event":' . substr($names, 0, -1) . ',"resource":' . $row['resource'] . '}}';
    $answer = @file_get_contents("$server/api/events", false, stream_context_create(['http' => $options]));
    if ($answer === false) {
        throw new RuntimeException(error_get_last()['message'] ?? 'no answer');
    }
    // Since PHP 8.4 a function has what this variable held before.
    $head = function_exists('http_get_last_response_headers') ? http_get_last_response_headers() : $http_response_header;
    $status = (int) (explode(' ', $head[0])[1] ?? 0);
    return match (true) {
        $status === 200, $status === 201 => null,
        in_array($status, REFUSED, true) => $answer,
        default => throw new RuntimeException("status $status: $answer"),
    };
}

function connect(): PDO
{
    $user = getenv('DB_USER') ?: null;
    return new PDO(setting('DB_DSN'), $user, getenv('DB_PASSWORD') ?: null, [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
    ]);
}

$db = null;
while (true) {
    try {
        $db ??= connect();
        $rows = $db->query('SELECT seq, id, type, resource FROM outbox WHERE refused IS NULL ORDER BY seq LIMIT 100')->fetchAll();
        foreach ($rows as $row) {
            $refusal = record($server, $token, $row);
            if ($refusal === null) {
                $db->prepare('DELETE FROM outbox WHERE seq = ?')->execute([$row['seq']]);
            } else {
                $db->prepare('UPDATE outbox SET refused = ? WHERE seq = ?')->execute([$refusal, $row['seq']]);
                fwrite(STDERR, "refused {$row['id']}: $refusal\n");
            }
        }
    } catch (Throwable $error) {
        fwrite(STDERR, "again in a second: {$error->getMessage()}\n");
        $db = null;
        $rows = [];
    }
    if (!$rows) {
        sleep(1);
    }
}
