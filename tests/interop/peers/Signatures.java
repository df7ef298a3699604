import java.math.BigInteger;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERPrintableString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.Time;
import org.bouncycastle.asn1.ess.ContentHints;
import org.bouncycastle.asn1.ess.ContentIdentifier;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.smime.SMIMECapabilitiesAttribute;
import org.bouncycastle.asn1.smime.SMIMECapability;
import org.bouncycastle.asn1.smime.SMIMECapabilityVector;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSAbsentContent;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInformationStore;
import org.bouncycastle.cms.SignerInformationVerifier;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.util.CollectionStore;
import org.bouncycastle.util.Store;

/** SignedData: signed and verified, countersigned, certificates only. */
final class Signatures {
    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("sign", (request, answer) -> answer.add("message", sign(request).getEncoded(form(request))));
        verbs.put("verify", Signatures::verify);
        verbs.put("countersign", Signatures::countersign);
        verbs.put("certificates", Signatures::certificates);
        verbs.put("list-certificates", (request, answer) -> {
            for (X509CertificateHolder each : new CMSSignedData(request.bytes("message")).getCertificates().getMatches(null)) {
                answer.add("certificate", each.getEncoded());
            }
        });
    }

    private static String form(Peer.Values request) {
        return request.has("form") ? request.text("form") : "BER";
    }

    // Making

    static CMSSignedData sign(Peer.Values request) throws Exception {
        ASN1ObjectIdentifier type = request.has("type") ? new ASN1ObjectIdentifier(request.text("type")) : PKCSObjectIdentifiers.data;
        return sign(request, type, request.bytes("content"), List.of());
    }

    /** With every "signer" of the request, which is "name algorithm [keyid] [bare]". */
    static CMSSignedData sign(Peer.Values request, ASN1ObjectIdentifier type, byte[] content, List<Attribute> more) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        List<X509CertificateHolder> certificates = new ArrayList<>();
        for (String signer : request.texts("signer")) {
            generator.addSignerInfoGenerator(signerInfo(signer, request, more));
            certificates.add(Peer.identity(signer.split(" ")[0]).holder());
        }
        for (String name : request.texts("certificate")) {
            certificates.add(Peer.identity(name).holder());
        }
        generator.addCertificates(new CollectionStore<>(certificates));
        return generator.generate(new CMSProcessableByteArray(type, content), !request.has("detached"));
    }

    static SignerInfoGenerator signerInfo(String signer, Peer.Values request, List<Attribute> more) throws Exception {
        List<String> words = List.of(signer.split(" "));
        Peer.Identity who = Peer.identity(words.get(0));
        ASN1EncodableVector attributes = new ASN1EncodableVector();
        attributes.add(new Attribute(CMSAttributes.signingTime, new DERSet(new Time(Date.from(Instant.parse(request.text("time")))))));
        attributes.add(signingCertificate(who));
        ess(request).forEach(attributes::add);
        more.forEach(attributes::add);
        JcaSimpleSignerInfoGeneratorBuilder builder = new JcaSimpleSignerInfoGeneratorBuilder().setProvider("BC");
        builder.setSignedAttributeGenerator(new AttributeTable(attributes)).setDirectSignature(words.contains("bare"));
        if (words.contains("keyid")) {
            return builder.build(words.get(1), who.key(), keyIdentifier(who));
        }
        return builder.build(words.get(1), who.key(), who.holder());
    }

    private static byte[] keyIdentifier(Peer.Identity who) {
        return SubjectKeyIdentifier.fromExtensions(who.holder().getExtensions()).getKeyIdentifier();
    }

    private static Attribute signingCertificate(Peer.Identity who) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256", "BC").digest(who.holder().getEncoded());
        return attribute(PKCSObjectIdentifiers.id_aa_signingCertificateV2, new SigningCertificateV2(new ESSCertIDv2(hash)));
    }

    /** What RFC 2634 adds, where the request has it. */
    private static List<Attribute> ess(Peer.Values request) {
        List<Attribute> found = new ArrayList<>();
        if (request.has("label")) {
            String[] label = request.text("label").split(" ", 3);
            ASN1Encodable[] members = {new ASN1ObjectIdentifier(label[0]), new ASN1Integer(Integer.parseInt(label[1])), new DERPrintableString(label[2])};
            found.add(attribute(PKCSObjectIdentifiers.id_aa.branch("2"), new DERSet(members)));
        }
        if (request.has("request")) {
            String[] asked = request.text("request").split(" ");
            DERSequence to = new DERSequence(new GeneralNames(new GeneralName(GeneralName.rfc822Name, asked[2])));
            ASN1Encodable from = new DERTaggedObject(false, 0, new ASN1Integer(asked[1].equals("all") ? 0 : 1));
            ASN1Encodable[] members = {new DEROctetString(asked[0].getBytes()), from, to};
            found.add(attribute(PKCSObjectIdentifiers.id_aa_receiptRequest, new DERSequence(members)));
        }
        if (request.has("hints")) {
            found.add(attribute(PKCSObjectIdentifiers.id_aa_contentHint, new ContentHints(PKCSObjectIdentifiers.data, new DERUTF8String(request.text("hints")))));
        }
        if (request.has("identifier")) {
            found.add(attribute(PKCSObjectIdentifiers.id_aa_contentIdentifier, new ContentIdentifier(request.bytes("identifier"))));
        }
        if (request.has("capability")) {
            SMIMECapabilityVector capabilities = new SMIMECapabilityVector();
            request.texts("capability").forEach(each -> capabilities.addCapability(new ASN1ObjectIdentifier(each)));
            found.add(new SMIMECapabilitiesAttribute(capabilities));
        }
        return found;
    }

    static Attribute attribute(ASN1ObjectIdentifier type, ASN1Encodable value) {
        return new Attribute(type, new DERSet(value));
    }

    private static void countersign(Peer.Values request, Peer.Values answer) throws Exception {
        CMSSignedData message = new CMSSignedData(request.bytes("message"));
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        Collection<X509CertificateHolder> certificates = new ArrayList<>(message.getCertificates().getMatches(null));
        for (String signer : request.texts("signer")) {
            generator.addSignerInfoGenerator(signerInfo(signer, request, List.of()));
            certificates.add(Peer.identity(signer.split(" ")[0]).holder());
        }
        List<SignerInformation> signers = new ArrayList<>();
        for (SignerInformation each : message.getSignerInfos()) {
            signers.add(SignerInformation.addCounterSigners(each, generator.generateCounterSigners(each)));
        }
        CMSSignedData countersigned = CMSSignedData.replaceSigners(message, new SignerInformationStore(signers));
        answer.add("message", CMSSignedData.replaceCertificatesAndCRLs(countersigned, new CollectionStore<>(certificates), null, null).getEncoded());
    }

    private static void certificates(Peer.Values request, Peer.Values answer) throws Exception {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        for (String name : request.texts("certificate")) {
            generator.addCertificate(Peer.identity(name).holder());
        }
        answer.add("message", generator.generate(new CMSAbsentContent(), false).getEncoded());
    }

    // Verifying

    /** Answers with the content, and with subjects and digest algorithms of all signers; a signature that does not hold is an error. */
    private static void verify(Peer.Values request, Peer.Values answer) throws Exception {
        CMSSignedData message = request.has("content")
            ? new CMSSignedData(new CMSProcessableByteArray(request.bytes("content")), request.bytes("message"))
            : new CMSSignedData(request.bytes("message"));
        verify(message.getSignerInfos(), message.getCertificates(), answer);
        if (message.getSignedContent() != null) {
            answer.add("content", (byte[]) message.getSignedContent().getContent());
            answer.add("type", message.getSignedContentTypeOID());
        }
    }

    static void verify(SignerInformationStore signers, Store<X509CertificateHolder> certificates, Peer.Values answer) throws Exception {
        for (SignerInformation signer : signers) {
            X509CertificateHolder certificate = check(signer, certificates);
            answer.add("signer", certificate.getSubject());
            answer.add("digest", signer.getDigestAlgOID());
            answer.add("algorithm", signer.getEncryptionAlgOID());
            if (signer.getSignedAttributes() != null) {
                for (Attribute each : signer.getSignedAttributes().toASN1Structure().getAttributes()) {
                    answer.add("attribute", each.getEncoded());
                }
            }
            for (SignerInformation counter : signer.getCounterSignatures()) {
                answer.add("countersigner", check(counter, certificates).getSubject());
            }
        }
    }

    static X509CertificateHolder check(SignerInformation signer, Store<X509CertificateHolder> certificates) throws Exception {
        X509CertificateHolder certificate = (X509CertificateHolder) certificates.getMatches(signer.getSID()).iterator().next();
        SignerInformationVerifier verifier = new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate);
        if (!signer.verify(verifier)) {
            throw new IllegalArgumentException("the signature of " + certificate.getSubject() + " does not hold");
        }
        return certificate;
    }
}
