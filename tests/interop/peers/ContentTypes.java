import java.security.MessageDigest;
import java.util.Map;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.DigestedData;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cms.CMSCompressedData;
import org.bouncycastle.cms.CMSCompressedDataGenerator;
import org.bouncycastle.cms.CMSEncryptedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.cms.jcajce.ZlibExpanderProvider;
import org.bouncycastle.operator.OutputEncryptor;

/** The content types beside the two main ones. */
final class ContentTypes {
    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("compress", (request, answer) -> {
            CMSProcessableByteArray content = new CMSProcessableByteArray(request.bytes("content"));
            answer.add("message", new CMSCompressedDataGenerator().generate(content, new ZlibCompressor()).getEncoded());
        });
        verbs.put("uncompress", (request, answer) ->
            answer.add("content", new CMSCompressedData(request.bytes("message")).getContent(new ZlibExpanderProvider())));
        verbs.put("encrypt", ContentTypes::encrypt);
        verbs.put("digest", ContentTypes::digest);
    }

    /** Bouncy Castle chooses the key, which is in the answer. */
    private static void encrypt(Peer.Values request, Peer.Values answer) throws Exception {
        OutputEncryptor encryptor = Envelopes.encryptor(request.text("cipher"));
        CMSProcessableByteArray content = new CMSProcessableByteArray(request.bytes("content"));
        answer.add("message", new CMSEncryptedDataGenerator().generate(content, encryptor).toASN1Structure().getEncoded());
        answer.add("key", (byte[]) encryptor.getKey().getRepresentation());
    }

    private static void digest(Peer.Values request, Peer.Values answer) throws Exception {
        byte[] content = request.bytes("content");
        ASN1ObjectIdentifier algorithm = new ASN1ObjectIdentifier(request.text("digest"));
        byte[] digest = MessageDigest.getInstance(algorithm.getId(), "BC").digest(content);
        ContentInfo encapsulated = new ContentInfo(PKCSObjectIdentifiers.data, new DEROctetString(content));
        DigestedData digested = new DigestedData(new AlgorithmIdentifier(algorithm), encapsulated, digest);
        answer.add("message", new ContentInfo(PKCSObjectIdentifiers.digestedData, digested).getEncoded());
    }
}
