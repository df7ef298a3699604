import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.operator.DigestCalculator;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/** Signed receipts of RFC 2634 section 2, for which Bouncy Castle has no classes, out of its ASN.1 and its signatures. */
final class Receipts {
    static final ASN1ObjectIdentifier RECEIPT = new ASN1ObjectIdentifier("1.2.840.113549.1.9.16.1.1");

    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("receipt", Receipts::make);
        verbs.put("check-receipt", Receipts::check);
    }

    private static void make(Peer.Values request, Peer.Values answer) throws Exception {
        SignerInformation asking = asking(new CMSSignedData(request.bytes("original")));
        Attribute digest = Signatures.attribute(PKCSObjectIdentifiers.id_aa_msgSigDigest, new DEROctetString(digest(asking)));
        answer.add("message", Signatures.sign(request, RECEIPT, receipt(asking), List.of(digest)).getEncoded());
    }

    private static void check(Peer.Values request, Peer.Values answer) throws Exception {
        CMSSignedData receipt = new CMSSignedData(request.bytes("receipt"));
        CMSSignedData original = new CMSSignedData(request.bytes("original"));
        SignerInformation asking = asking(original);
        SignerInformation signer = receipt.getSignerInfos().iterator().next();
        Signatures.check(asking, original.getCertificates());
        answer.add("signer", Signatures.check(signer, receipt.getCertificates()).getSubject());
        demand("content type", receipt.getSignedContentTypeOID().equals(RECEIPT.getId()));
        demand("receipt", Arrays.equals((byte[]) receipt.getSignedContent().getContent(), receipt(asking)));
        ASN1Encodable digest = signer.getSignedAttributes().get(PKCSObjectIdentifiers.id_aa_msgSigDigest).getAttrValues().getObjectAt(0);
        demand("msgSigDigest", Arrays.equals(ASN1OctetString.getInstance(digest).getOctets(), digest(asking)));
    }

    private static void demand(String what, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("another " + what);
        }
    }

    private static SignerInformation asking(CMSSignedData original) {
        for (SignerInformation each : original.getSignerInfos()) {
            if (each.getSignedAttributes().get(PKCSObjectIdentifiers.id_aa_receiptRequest) != null) {
                return each;
            }
        }
        throw new IllegalArgumentException("nobody asks for a receipt");
    }

    /** Section 2.8, of the signer who asks. */
    private static byte[] receipt(SignerInformation asking) throws Exception {
        Attribute request = asking.getSignedAttributes().get(PKCSObjectIdentifiers.id_aa_receiptRequest);
        ASN1Encodable identifier = ASN1Sequence.getInstance(request.getAttrValues().getObjectAt(0)).getObjectAt(0);
        ASN1Encodable[] members = {new ASN1Integer(1), asking.getContentType(), identifier, new DEROctetString(asking.getSignature())};
        return new DERSequence(members).getEncoded();
    }

    /** Section 2.4: the digest from which the signature of the original was made. */
    private static byte[] digest(SignerInformation asking) throws Exception {
        DigestCalculator calculator = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build().get(asking.getDigestAlgorithmID());
        try (OutputStream out = calculator.getOutputStream()) {
            out.write(asking.getEncodedSignedAttributes());
        }
        return calculator.getDigest();
    }
}
