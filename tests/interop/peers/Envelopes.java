import java.io.InputStream;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.CipherInputStream;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.cms.CMSObjectIdentifiers;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.GCMParameters;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedGenerator;
import org.bouncycastle.cms.CMSException;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.KEKRecipientId;
import org.bouncycastle.cms.PasswordRecipient;
import org.bouncycastle.cms.PasswordRecipientId;
import org.bouncycastle.cms.Recipient;
import org.bouncycastle.cms.RecipientId;
import org.bouncycastle.cms.RecipientInfoGenerator;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.RecipientInformationStore;
import org.bouncycastle.cms.RecipientOperator;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKEKEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKEKRecipient;
import org.bouncycastle.cms.jcajce.JceKEKRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientId;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyTransAuthEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientId;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JcePasswordEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JcePasswordRecipientInfoGenerator;
import org.bouncycastle.operator.InputAEADDecryptor;
import org.bouncycastle.operator.InputDecryptor;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.OutputEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.bouncycastle.util.encoders.Hex;

/** EnvelopedData and AuthEnvelopedData for every kind of recipient. */
final class Envelopes {
    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("envelope", Envelopes::envelope);
        verbs.put("open", Envelopes::open);
    }

    // Making

    private static void envelope(Peer.Values request, Peer.Values answer) throws Exception {
        CMSProcessableByteArray content = new CMSProcessableByteArray(request.bytes("content"));
        OutputEncryptor encryptor = encryptor(request.text("cipher"));
        if (encryptor instanceof OutputAEADEncryptor authenticated) {
            CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
            addRecipients(generator, request);
            answer.add("message", generator.generate(content, authenticated).getEncoded());
        } else {
            CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
            addRecipients(generator, request);
            answer.add("message", generator.generate(content, encryptor).getEncoded());
        }
    }

    static OutputEncryptor encryptor(String oid) throws Exception {
        return new JceCMSContentEncryptorBuilder(new ASN1ObjectIdentifier(oid)).setProvider("BC").build();
    }

    private static void addRecipients(CMSEnvelopedGenerator generator, Peer.Values request) throws Exception {
        for (String each : request.texts("recipient")) {
            generator.addRecipientInfoGenerator(recipient(each.split(" ")));
        }
    }

    static RecipientInfoGenerator recipient(String[] words) throws Exception {
        return switch (words[0]) {
            case "rsa" -> new JceKeyTransRecipientInfoGenerator(Peer.identity(words[1]).certificate()).setProvider("BC");
            case "oaep" -> oaep(words);
            case "agree" -> agreement(words);
            case "kek" -> new JceKEKRecipientInfoGenerator(Hex.decode(words[1]), kek(words[2])).setProvider("BC");
            case "password" -> new JcePasswordRecipientInfoGenerator(new ASN1ObjectIdentifier(words[2]), words[1].toCharArray())
                .setProvider("BC").setPRF(prf(words[3])).setSaltAndIterationCount(Hex.decode("0001020304050607"), 2048);
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    private static RecipientInfoGenerator oaep(String[] words) throws Exception {
        AlgorithmParameterSpec spec = new OAEPParameterSpec(words[2], "MGF1", new MGF1ParameterSpec(words[3]), PSource.PSpecified.DEFAULT);
        AlgorithmIdentifier algorithm = new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, spec);
        return new JceKeyTransRecipientInfoGenerator(Peer.identity(words[1]).certificate(), algorithm).setProvider("BC");
    }

    /** "agree scheme wrap ukm name ...": all of them with one ephemeral key. */
    private static RecipientInfoGenerator agreement(String[] words) throws Exception {
        ASN1ObjectIdentifier scheme = new ASN1ObjectIdentifier(words[1]);
        ASN1ObjectIdentifier wrap = new ASN1ObjectIdentifier(words[2]);
        byte[] ukm = words[3].equals("-") ? null : Hex.decode(words[3]);
        KeyPair ephemeral = like(Peer.identity(words[4]).certificate().getPublicKey());
        if (scheme.getId().startsWith(Montgomery.SCHEMES)) {
            return Montgomery.generator(scheme, wrap, ukm, Peer.identity(words[4]), ephemeral);
        }
        JceKeyAgreeRecipientInfoGenerator generator = new JceKeyAgreeRecipientInfoGenerator(scheme, ephemeral.getPrivate(), ephemeral.getPublic(), wrap);
        if (ukm != null) {
            generator.setUserKeyingMaterial(ukm);
        }
        for (int i = 4; i < words.length; i++) {
            generator.addRecipient(Peer.identity(words[i]).certificate());
        }
        return generator.setProvider("BC");
    }

    private static KeyPair like(PublicKey key) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance(key.getAlgorithm(), "BC");
        if (key instanceof ECPublicKey onCurve) {
            generator.initialize(onCurve.getParams());
        }
        return generator.generateKeyPair();
    }

    private static SecretKey kek(String hex) {
        return new SecretKeySpec(Hex.decode(hex), "AES");
    }

    private static PasswordRecipient.PRF prf(String name) throws Exception {
        return (PasswordRecipient.PRF) PasswordRecipient.PRF.class.getField(name).get(null);
    }

    // Opening

    /** "key name", "kek identifier value" or "password text"; answers with the content and the number of recipients in the message. */
    private static void open(Peer.Values request, Peer.Values answer) throws Exception {
        answer.add("content", content(ContentInfo.getInstance(request.bytes("message")), request.text("with"), answer));
    }

    static byte[] content(ContentInfo info, String with, Peer.Values answer) throws Exception {
        boolean authenticated = info.getContentType().equals(CMSObjectIdentifiers.authEnvelopedData);
        RecipientInformationStore recipients = authenticated
            ? new CMSAuthEnvelopedData(info).getRecipientInfos() : new CMSEnvelopedData(info).getRecipientInfos();
        String[] words = with.split(" ");
        RecipientInformation mine = recipients.get(identifier(words));
        if (mine == null) {
            throw new IllegalArgumentException("not a recipient");
        }
        Recipient recipient = mine.getKeyEncryptionAlgOID().startsWith(Montgomery.SCHEMES) && words[0].equals("key")
            ? new Montgomery(Peer.identity(words[1])) : recipient(words, mine.getRID().getType(), authenticated);
        answer.add("recipients", recipients.size());
        answer.add("algorithm", mine.getKeyEncryptionAlgOID());
        return mine.getContent(recipient);
    }

    private static RecipientId identifier(String[] words) throws Exception {
        return switch (words[0]) {
            case "kek" -> new KEKRecipientId(Hex.decode(words[1]));
            case "password" -> new PasswordRecipientId();
            case "key" -> Peer.identity(words[1]).key().getAlgorithm().equals("RSA")
                ? new JceKeyTransRecipientId(Peer.identity(words[1]).certificate()) : new JceKeyAgreeRecipientId(Peer.identity(words[1]).certificate());
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    private static Recipient recipient(String[] words, int type, boolean authenticated) throws Exception {
        return switch (type) {
            case RecipientId.keyTrans -> authenticated
                ? new JceKeyTransAuthEnvelopedRecipient(Peer.identity(words[1]).key()).setProvider("BC")
                : new JceKeyTransEnvelopedRecipient(Peer.identity(words[1]).key()).setProvider("BC");
            case RecipientId.keyAgree -> authenticated
                ? new Agreement(Peer.identity(words[1])).setProvider("BC")
                : new JceKeyAgreeEnvelopedRecipient(Peer.identity(words[1]).key()).setProvider("BC");
            case RecipientId.kek -> authenticated
                ? new Kek(kek(words[2])).setProvider("BC") : new JceKEKEnvelopedRecipient(kek(words[2])).setProvider("BC");
            default -> authenticated
                ? new Secret(words[1].toCharArray()).setProvider("BC") : new JcePasswordEnvelopedRecipient(words[1].toCharArray()).setProvider("BC");
        };
    }

    // Bouncy Castle 1.72 reads AuthEnvelopedData only with key transport: what follows goes from its keys to the content

    private static final class Agreement extends JceKeyAgreeRecipient {
        Agreement(Peer.Identity who) {
            super(who.key());
        }

        @Override
        public RecipientOperator getRecipientOperator(
            AlgorithmIdentifier keyAlgorithm, AlgorithmIdentifier content, SubjectPublicKeyInfo sender, ASN1OctetString ukm, byte[] key
        ) throws CMSException {
            return new RecipientOperator(decryptor(extractSecretKey(keyAlgorithm, content, sender, ukm, key), content));
        }
    }

    private static final class Kek extends JceKEKRecipient {
        Kek(SecretKey key) {
            super(key);
        }

        @Override
        public RecipientOperator getRecipientOperator(AlgorithmIdentifier keyAlgorithm, AlgorithmIdentifier content, byte[] key) throws CMSException {
            return new RecipientOperator(decryptor(extractSecretKey(keyAlgorithm, content, key), content));
        }
    }

    private static final class Secret extends JcePasswordEnvelopedRecipient {
        Secret(char[] password) {
            super(password);
        }

        @Override
        public RecipientOperator getRecipientOperator(
            AlgorithmIdentifier keyAlgorithm, AlgorithmIdentifier content, byte[] derived, byte[] key
        ) throws CMSException {
            return new RecipientOperator(decryptor(extractSecretKey(keyAlgorithm, content, derived, key), content));
        }
    }

    static InputDecryptor decryptor(Key key, AlgorithmIdentifier algorithm) throws CMSException {
        if (algorithm.getParameters() instanceof ASN1OctetString vector) {
            AlgorithmParameterSpec parameters = new IvParameterSpec(vector.getOctets());
            return algorithm.getAlgorithm().equals(PKCSObjectIdentifiers.id_alg_AEADChaCha20Poly1305)
                ? new Authenticated(algorithm, cipher("ChaCha20-Poly1305", key, parameters))
                : new Decryptor(algorithm, cipher("AES/CBC/PKCS7Padding", key, parameters));
        }
        GCMParameters parameters = GCMParameters.getInstance(algorithm.getParameters());
        return new Authenticated(algorithm, cipher("AES/GCM/NoPadding", key, new GCMParameterSpec(parameters.getIcvLen() * 8, parameters.getNonce())));
    }

    private static Cipher cipher(String name, Key key, AlgorithmParameterSpec parameters) throws CMSException {
        try {
            Cipher cipher = Cipher.getInstance(name, "BC");
            cipher.init(Cipher.DECRYPT_MODE, key, parameters);
            return cipher;
        } catch (GeneralSecurityException error) {
            throw new CMSException("no " + name, error);
        }
    }

    private static class Decryptor implements InputDecryptor {
        private final AlgorithmIdentifier algorithm;
        final Cipher cipher;

        Decryptor(AlgorithmIdentifier algorithm, Cipher cipher) {
            this.algorithm = algorithm;
            this.cipher = cipher;
        }

        @Override
        public AlgorithmIdentifier getAlgorithmIdentifier() {
            return algorithm;
        }

        @Override
        public InputStream getInputStream(InputStream encrypted) {
            return new CipherInputStream(encrypted, cipher);
        }
    }

    private static final class Authenticated extends Decryptor implements InputAEADDecryptor {
        Authenticated(AlgorithmIdentifier algorithm, Cipher cipher) {
            super(algorithm, cipher);
        }

        @Override
        public OutputStream getAADStream() {
            return new OutputStream() {
                @Override
                public void write(int octet) {
                    cipher.updateAAD(new byte[] {(byte) octet});
                }
            };
        }

        @Override
        public byte[] getMAC() {
            return new byte[0];
        }
    }
}
