import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.cms.IssuerAndSerialNumber;
import org.bouncycastle.asn1.cms.KeyAgreeRecipientIdentifier;
import org.bouncycastle.asn1.cms.KeyAgreeRecipientInfo;
import org.bouncycastle.asn1.cms.OriginatorIdentifierOrKey;
import org.bouncycastle.asn1.cms.OriginatorPublicKey;
import org.bouncycastle.asn1.cms.RecipientEncryptedKey;
import org.bouncycastle.asn1.cms.RecipientInfo;
import org.bouncycastle.asn1.cms.ecc.ECCCMSSharedInfo;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cms.CMSException;
import org.bouncycastle.cms.KeyAgreeRecipient;
import org.bouncycastle.cms.RecipientInfoGenerator;
import org.bouncycastle.cms.RecipientOperator;
import org.bouncycastle.crypto.Digest;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.util.DigestFactory;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.GenericKey;
import org.bouncycastle.util.Pack;

/** X25519 and X448 as RFC 8418 has them: Bouncy Castle 1.72 has the pieces, but not the schemes with HKDF. */
final class Montgomery implements KeyAgreeRecipient {
    static final String SCHEMES = "1.2.840.113549.1.9.16.3.";

    private final Peer.Identity who;

    Montgomery(Peer.Identity who) {
        this.who = who;
    }

    static RecipientInfoGenerator generator(ASN1ObjectIdentifier scheme, ASN1ObjectIdentifier wrap, byte[] ukm, Peer.Identity who, KeyPair ephemeral) {
        return key -> {
            AlgorithmIdentifier wrapAlgorithm = new AlgorithmIdentifier(wrap);
            ASN1OctetString material = ukm == null ? null : new DEROctetString(ukm);
            SubjectPublicKeyInfo mine = SubjectPublicKeyInfo.getInstance(ephemeral.getPublic().getEncoded());
            byte[] wrapped = wrap(scheme, wrapAlgorithm, material, ephemeral.getPrivate(), who.certificate().getPublicKey(), key);
            IssuerAndSerialNumber name = new IssuerAndSerialNumber(who.holder().toASN1Structure());
            RecipientEncryptedKey encrypted = new RecipientEncryptedKey(new KeyAgreeRecipientIdentifier(name), new DEROctetString(wrapped));
            OriginatorPublicKey originator = new OriginatorPublicKey(mine.getAlgorithm(), mine.getPublicKeyData().getBytes());
            return new RecipientInfo(new KeyAgreeRecipientInfo(
                new OriginatorIdentifierOrKey(originator), material, new AlgorithmIdentifier(scheme, wrapAlgorithm), new DERSequence(encrypted)));
        };
    }

    private static byte[] wrap(
        ASN1ObjectIdentifier scheme, AlgorithmIdentifier wrap, ASN1OctetString ukm, PrivateKey mine, PublicKey theirs, GenericKey key
    ) throws CMSException {
        try {
            Cipher cipher = Cipher.getInstance("AESWrap", "BC");
            cipher.init(Cipher.WRAP_MODE, kek(scheme, wrap, ukm, mine, theirs));
            return cipher.wrap(new SecretKeySpec((byte[]) key.getRepresentation(), "AES"));
        } catch (Exception error) {
            throw new CMSException("not wrapped", error);
        }
    }

    @Override
    public RecipientOperator getRecipientOperator(
        AlgorithmIdentifier algorithm, AlgorithmIdentifier content, SubjectPublicKeyInfo sender, ASN1OctetString ukm, byte[] encryptedKey
    ) throws CMSException {
        try {
            AlgorithmIdentifier wrap = AlgorithmIdentifier.getInstance(algorithm.getParameters());
            PublicKey theirs = BouncyCastleProvider.getPublicKey(sender);
            Cipher cipher = Cipher.getInstance("AESWrap", "BC");
            cipher.init(Cipher.UNWRAP_MODE, kek(algorithm.getAlgorithm(), wrap, ukm, who.key(), theirs));
            return new RecipientOperator(Envelopes.decryptor(cipher.unwrap(encryptedKey, "AES", Cipher.SECRET_KEY), content));
        } catch (Exception error) {
            throw new CMSException("not opened", error);
        }
    }

    @Override
    public AlgorithmIdentifier getPrivateKeyAlgorithmIdentifier() {
        return PrivateKeyInfo.getInstance(who.key().getEncoded()).getPrivateKeyAlgorithm();
    }

    /** Section 2: HKDF of the shared secret with the ukm as salt and the DER of ECC-CMS-SharedInfo as info. */
    private static SecretKeySpec kek(
        ASN1ObjectIdentifier scheme, AlgorithmIdentifier wrap, ASN1OctetString ukm, PrivateKey mine, PublicKey theirs
    ) throws Exception {
        KeyAgreement agreement = KeyAgreement.getInstance(mine.getAlgorithm(), "BC");
        agreement.init(mine);
        agreement.doPhase(theirs, true);
        byte[] kek = new byte[length(wrap)];
        byte[] info = new ECCCMSSharedInfo(wrap, ukm == null ? null : ukm.getOctets(), Pack.intToBigEndian(kek.length * 8)).getEncoded("DER");
        HKDFBytesGenerator generator = new HKDFBytesGenerator(digest(scheme));
        generator.init(new HKDFParameters(agreement.generateSecret(), ukm == null ? null : ukm.getOctets(), info));
        generator.generateBytes(kek, 0, kek.length);
        return new SecretKeySpec(kek, "AES");
    }

    private static Digest digest(ASN1ObjectIdentifier scheme) {
        return switch (scheme.getId().substring(SCHEMES.length())) {
            case "19" -> DigestFactory.createSHA256();
            case "20" -> DigestFactory.createSHA384();
            case "21" -> DigestFactory.createSHA512();
            default -> throw new IllegalArgumentException(scheme.getId());
        };
    }

    private static int length(AlgorithmIdentifier wrap) {
        return wrap.getAlgorithm().equals(NISTObjectIdentifiers.id_aes128_wrap) ? 16 : wrap.getAlgorithm().equals(NISTObjectIdentifiers.id_aes192_wrap) ? 24 : 32;
    }
}
