import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Keeps each notification as a file in INBOX/new before it answers; the work moves it to INBOX/done. */
public final class Receiver {
    private static final int LONGEST = 512 * 1024;
    private static final Pattern ID = Pattern.compile("[\\w-]+");
    private static final Pattern EVENT = Pattern.compile("\"event\"\\s*:\\s*\"([A-Z0-9_.]+)\"");

    private final byte[] authorization = setting("WEBHOOK_AUTHORIZATION").getBytes(StandardCharsets.UTF_8);
    private final byte[] key = Base64.getDecoder().decode(setting("WEBHOOK_SECRET").substring("whsec_".length()));
    private final Path fresh = Path.of(setting("INBOX"), "new");
    private final Path done = Path.of(setting("INBOX"), "done");
    private final Semaphore arrived = new Semaphore(1);

    private static String setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }

    private static String header(HttpExchange exchange, String name) {
        String value = exchange.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    private boolean isSigned(byte[] body, String id, String timestamp, String signatures) throws GeneralSecurityException {
        try {
            if (Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) > 300) {
                return false;
            }
        } catch (NumberFormatException notANumber) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(StandardCharsets.UTF_8);
        for (String signature : signatures.split(" ")) {
            if (MessageDigest.isEqual(signature.getBytes(StandardCharsets.UTF_8), expected)) {
                return true;
            }
        }
        return false;
    }

    private int receive(HttpExchange exchange) throws IOException, GeneralSecurityException {
        byte[] given = header(exchange, "Authorization").getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(given, authorization)) {
            return 401;
        }
        byte[] body;
        try {
            if (Long.parseLong(header(exchange, "Content-Length")) > LONGEST) {
                return 413;
            }
            body = exchange.getRequestBody().readNBytes(LONGEST);
        } catch (NumberFormatException noLength) {
            return 413;
        }
        String id = header(exchange, "webhook-id");
        boolean isSigned = isSigned(body, id, header(exchange, "webhook-timestamp"), header(exchange, "webhook-signature"));
        if (!isSigned || !ID.matcher(id).matches()) {
            return 401;
        }
        keep(id, body);
        arrived.release();
        return 204;
    }

    /** On disk under its id, whole; a repeat changes nothing. */
    private synchronized void keep(String id, byte[] body) throws IOException {
        if (Files.exists(done.resolve(id))) {
            return;
        }
        Path draft = fresh.resolve("." + id);
        try (FileChannel file = FileChannel.open(draft, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            for (ByteBuffer bytes = ByteBuffer.wrap(body); bytes.hasRemaining();) {
                file.write(bytes);
            }
            file.force(true);
        }
        Files.move(draft, fresh.resolve(id), StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel folder = FileChannel.open(fresh, StandardOpenOption.READ)) {
            folder.force(true);
        }
    }

    private void workOn(Path file) throws IOException {
        String id = file.getFileName().toString();
        Matcher event = EVENT.matcher(Files.readString(file));
        System.out.println(id + " " + (event.find() ? event.group(1) : "?")); // the shop's own work, with a JSON library
        synchronized (this) {
            Files.move(file, done.resolve(id), StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private void work() {
        while (true) {
            try {
                arrived.tryAcquire(1, 1, TimeUnit.SECONDS); // what failed is tried again a second later
                arrived.drainPermits();
                List<Path> files;
                try (var listed = Files.list(fresh)) {
                    files = listed.filter(file -> !file.getFileName().toString().startsWith(".")).sorted().toList();
                }
                for (Path file : files) {
                    try {
                        workOn(file);
                    } catch (Exception failed) {
                        failed.printStackTrace();
                    }
                }
            } catch (Exception failed) {
                failed.printStackTrace();
            }
        }
    }

    private void answer(HttpExchange exchange) {
        int status;
        try {
            status = receive(exchange);
        } catch (Exception failed) {
            failed.printStackTrace();
            status = 500;
        }
        try (exchange) {
            exchange.getResponseHeaders().set("Connection", "close");
            exchange.sendResponseHeaders(status, -1);
        } catch (IOException gone) {
            // A sender that hangs up before the answer sends it again.
        }
    }

    public static void main(String[] arguments) throws IOException {
        Receiver receiver = new Receiver();
        Files.createDirectories(receiver.fresh);
        Files.createDirectories(receiver.done);
        String port = System.getenv().getOrDefault("PORT", "9000");
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(port)), 0);
        server.createContext("/", receiver::answer);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        receiver.work();
    }
}
