import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.Recipient;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Bouncy Castle's CMS as a peer of bench.engine: the jobs and lines are those of openssl_cms.c, with AES-256-CBC whatever the line says
 * and one ephemeral key for all recipients of a curve. Times are CPU seconds of the working thread, so the garbage collector's are left out.
 */
public final class BouncyCastleCms {
    private static final String BC = "BC";
    private static final Map<String, List<X509Certificate>> CERTIFICATES = new HashMap<>();
    private static final Map<String, Identity> IDENTITIES = new HashMap<>();

    private record Identity(PrivateKey key, X509Certificate certificate) {}

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = jobs.readLine()) != null; ) {
            String[] word = line.trim().split(" ");
            double took = switch (word[0]) {
                case "encrypt-known" -> encrypt(word[2], word[3], word[4], false);
                case "encrypt-raw" -> encrypt(word[2], word[3], word[4], true);
                case "seal" -> seal(word[2], word[3], word[4], word[5]);
                case "open" -> open(word[1], word[2], word[3]);
                default -> throw new IllegalArgumentException(line);
            };
            System.out.println(took);
            System.out.flush();
        }
    }

    private static double encrypt(String certificates, String content, String out, boolean raw) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(content)), file = Files.readAllBytes(Path.of(certificates));
        List<X509Certificate> recipients = raw ? null : kept(certificates);
        long began = cpu();
        byte[] message = encrypted(raw ? parsed(file) : recipients, data);
        double took = (cpu() - began) / 1e9;
        Files.write(Path.of(out), message);
        return took;
    }

    private static double seal(String signer, String certificates, String content, String out) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(content));
        Identity identity = identity(signer);
        List<X509Certificate> recipients = kept(certificates);
        long began = cpu();
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        String algorithm = identity.key().getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        var digests = new JcaDigestCalculatorProviderBuilder().setProvider(BC).build();
        var contentSigner = new JcaContentSignerBuilder(algorithm).setProvider(BC).build(identity.key());
        generator.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(digests).build(contentSigner, identity.certificate()));
        generator.addCertificates(new JcaCertStore(List.of(identity.certificate())));
        byte[] signed = generator.generate(new CMSProcessableByteArray(data), true).getEncoded();
        byte[] message = encrypted(recipients, signed);
        double took = (cpu() - began) / 1e9;
        Files.write(Path.of(out), message);
        return took;
    }

    private static double open(String recipient, String message, String out) throws Exception {
        Identity identity = identity(recipient);
        long began = cpu();
        byte[] signed = null;
        Recipient opener = identity.key().getAlgorithm().equals("RSA")
            ? new JceKeyTransEnvelopedRecipient(identity.key()).setProvider(BC)
            : new JceKeyAgreeEnvelopedRecipient(identity.key()).setProvider(BC);
        for (RecipientInformation each : new CMSEnvelopedData(Files.readAllBytes(Path.of(message))).getRecipientInfos().getRecipients()) {
            signed = each.getContent(opener);
        }
        CMSSignedData data = new CMSSignedData(signed);
        for (SignerInformation each : data.getSignerInfos().getSigners()) {
            var found = (X509CertificateHolder) data.getCertificates().getMatches(each.getSID()).iterator().next();
            if (!each.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(found))) {
                throw new IllegalStateException("the signature does not hold");
            }
        }
        Files.write(Path.of(out), (byte[]) data.getSignedContent().getContent());
        return (cpu() - began) / 1e9;
    }

    private static byte[] encrypted(List<X509Certificate> recipients, byte[] data) throws Exception {
        CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
        if (recipients.get(0).getPublicKey().getAlgorithm().equals("RSA")) {
            for (X509Certificate each : recipients) {
                generator.addRecipientInfoGenerator(new JceKeyTransRecipientInfoGenerator(each).setProvider(BC));
            }
        } else {
            KeyPairGenerator pairs = KeyPairGenerator.getInstance("EC", BC);
            pairs.initialize(new ECGenParameterSpec("P-256"));
            KeyPair ephemeral = pairs.generateKeyPair();
            var info = new JceKeyAgreeRecipientInfoGenerator(
                CMSAlgorithm.ECDH_SHA256KDF, ephemeral.getPrivate(), ephemeral.getPublic(), CMSAlgorithm.AES256_WRAP);
            for (X509Certificate each : recipients) {
                info.addRecipient(each);
            }
            generator.addRecipientInfoGenerator(info.setProvider(BC));
        }
        var encryptor = new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES256_CBC).setProvider(BC).build();
        return generator.generate(new CMSProcessableByteArray(data), encryptor).getEncoded();
    }

    private static List<X509Certificate> kept(String path) throws Exception {
        if (!CERTIFICATES.containsKey(path)) {
            CERTIFICATES.put(path, parsed(Files.readAllBytes(Path.of(path))));
        }
        return CERTIFICATES.get(path);
    }

    private static List<X509Certificate> parsed(byte[] encoded) throws Exception {
        List<X509Certificate> found = new ArrayList<>();
        for (var each : CertificateFactory.getInstance("X.509", BC).generateCertificates(new ByteArrayInputStream(encoded))) {
            found.add((X509Certificate) each);
        }
        return found;
    }

    private static Identity identity(String path) throws Exception {
        if (!IDENTITIES.containsKey(path)) {
            PEMParser pem = new PEMParser(new StringReader(Files.readString(Path.of(path))));
            PrivateKey key = new JcaPEMKeyConverter().setProvider(BC).getPrivateKey((PrivateKeyInfo) pem.readObject());
            byte[] certificate = ((X509CertificateHolder) pem.readObject()).getEncoded();
            IDENTITIES.put(path, new Identity(key, parsed(certificate).get(0)));
        }
        return IDENTITIES.get(path);
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
