import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/**
 * Bouncy Castle behind a line protocol: a line "verb name=base64 ..." on standard input is answered with "ok name=base64 ..."
 * or "failed reason=base64". Keys and certificates are PEM files by name in the folder that is the only argument.
 */
public final class Peer {
    /** The values of a request or an answer, by name; a name may come several times. */
    static final class Values {
        private final Map<String, List<byte[]>> values = new HashMap<>();

        void add(String name, byte[] value) {
            values.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
        }

        void add(String name, Object value) {
            add(name, value.toString().getBytes(StandardCharsets.UTF_8));
        }

        boolean has(String name) {
            return values.containsKey(name);
        }

        byte[] bytes(String name) {
            return values.get(name).get(0);
        }

        String text(String name) {
            return new String(bytes(name), StandardCharsets.UTF_8);
        }

        List<byte[]> all(String name) {
            return values.getOrDefault(name, List.of());
        }

        List<String> texts(String name) {
            return all(name).stream().map(each -> new String(each, StandardCharsets.UTF_8)).toList();
        }

        @Override
        public String toString() {
            StringBuilder line = new StringBuilder();
            values.forEach((name, all) -> all.forEach(each -> line.append(' ').append(name).append('=').append(Base64.getEncoder().encodeToString(each))));
            return line.toString();
        }

        static Values parse(String[] words) {
            Values found = new Values();
            for (int i = 1; i < words.length; i++) {
                int middle = words[i].indexOf('=');
                found.add(words[i].substring(0, middle), Base64.getDecoder().decode(words[i].substring(middle + 1)));
            }
            return found;
        }
    }

    interface Verb {
        void run(Values request, Values answer) throws Exception;
    }

    record Identity(PrivateKey key, X509CertificateHolder holder, X509Certificate certificate) {}

    private static final Map<String, Identity> IDENTITIES = new HashMap<>();
    private static Path folder;

    static Identity identity(String name) throws Exception {
        if (!IDENTITIES.containsKey(name)) {
            IDENTITIES.put(name, read(folder.resolve(name + ".pem")));
        }
        return IDENTITIES.get(name);
    }

    private static Identity read(Path path) throws Exception {
        try (PEMParser parser = new PEMParser(Files.newBufferedReader(path))) {
            PrivateKeyInfo info = (PrivateKeyInfo) parser.readObject();
            X509CertificateHolder holder = (X509CertificateHolder) parser.readObject();
            PrivateKey key = new JcaPEMKeyConverter().setProvider("BC").getPrivateKey(info);
            return new Identity(key, holder, new JcaX509CertificateConverter().setProvider("BC").getCertificate(holder));
        }
    }

    public static void main(String[] arguments) throws Exception {
        folder = Path.of(arguments[0]);
        Security.addProvider(new BouncyCastleProvider());
        Map<String, Verb> verbs = new HashMap<>();
        Signatures.register(verbs);
        Receipts.register(verbs);
        Envelopes.register(verbs);
        ContentTypes.register(verbs);
        Mail.register(verbs);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(verbs, line.split(" ")));
        }
    }

    private static String answer(Map<String, Verb> verbs, String[] words) {
        Values answer = new Values();
        try {
            verbs.get(words[0]).run(Values.parse(words), answer);
            return "ok" + answer;
        } catch (Exception | LinkageError error) {
            Values failure = new Values();
            failure.add("reason", error + (error.getCause() == null ? "" : " because of " + error.getCause()));
            return "failed" + failure;
        }
    }
}
