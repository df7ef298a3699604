import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import javax.mail.Session;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;
import javax.mail.internet.MimePart;
import org.bouncycastle.asn1.cms.CMSObjectIdentifiers;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.cms.CMSCompressedData;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.cms.jcajce.ZlibExpanderProvider;
import org.bouncycastle.mail.smime.SMIMECompressedGenerator;
import org.bouncycastle.mail.smime.SMIMEEnvelopedGenerator;
import org.bouncycastle.mail.smime.SMIMESigned;
import org.bouncycastle.mail.smime.SMIMESignedGenerator;
import org.bouncycastle.util.CollectionStore;

/** Messages of any layers in MIME: multipart/signed and application/pkcs7-mime. */
final class Mail {
    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("mail", Mail::make);
        verbs.put("open-mail", Mail::open);
    }

    // Making

    /** An entity with every "layer" of the request around the content, the innermost first: "clear SIGNER", "opaque SIGNER", "envelope RECIPIENT", "compress". */
    private static void make(Peer.Values request, Peer.Values answer) throws Exception {
        MimeBodyPart part = new MimeBodyPart(new ByteArrayInputStream(request.bytes("content")));
        for (String layer : request.texts("layer")) {
            // Written at once, because an envelope encrypts anew each time it is written
            part = entity(written(wrapped(part, layer, request)));
        }
        answer.add("message", written(part));
    }

    private static MimeBodyPart wrapped(MimeBodyPart part, String layer, Peer.Values request) throws Exception {
        String[] words = layer.split(" ", 2);
        return switch (words[0]) {
            case "clear" -> {
                MimeBodyPart clear = new MimeBodyPart();
                MimeMultipart both = signer(words[1], request).generate(part);
                clear.setContent(both);
                clear.setHeader("Content-Type", both.getContentType());
                yield clear;
            }
            case "opaque" -> signer(words[1], request).generateEncapsulated(part);
            case "envelope" -> {
                SMIMEEnvelopedGenerator generator = new SMIMEEnvelopedGenerator();
                generator.addRecipientInfoGenerator(Envelopes.recipient(words[1].split(" ")));
                yield generator.generate(part, Envelopes.encryptor(request.text("cipher")));
            }
            case "compress" -> new SMIMECompressedGenerator().generate(part, new ZlibCompressor());
            default -> throw new IllegalArgumentException(layer);
        };
    }

    private static SMIMESignedGenerator signer(String signer, Peer.Values request) throws Exception {
        SMIMESignedGenerator generator = new SMIMESignedGenerator();
        generator.addSignerInfoGenerator(Signatures.signerInfo(signer, request, List.of()));
        generator.addCertificates(new CollectionStore<>(List.of(Peer.identity(signer.split(" ")[0]).holder(), Peer.identity("ca").holder())));
        return generator;
    }

    // Opening

    /** Takes off all layers; answers with their kinds, the signers and the innermost entity. */
    private static void open(Peer.Values request, Peer.Values answer) throws Exception {
        MimePart part = new MimeMessage(Session.getInstance(new Properties()), new ByteArrayInputStream(request.bytes("message")));
        while (part.isMimeType("multipart/signed") || part.isMimeType("application/pkcs7-mime")) {
            part = opened(part, request, answer);
        }
        answer.add("content", written(part));
    }

    private static MimePart opened(MimePart part, Peer.Values request, Peer.Values answer) throws Exception {
        if (part.isMimeType("multipart/signed")) {
            answer.add("layer", "clear");
            SMIMESigned signed = new SMIMESigned((MimeMultipart) part.getContent());
            Signatures.verify(signed.getSignerInfos(), signed.getCertificates(), answer);
            return signed.getContent();
        }
        byte[] encoded = part.getInputStream().readAllBytes();
        ContentInfo info = ContentInfo.getInstance(encoded);
        if (info.getContentType().equals(CMSObjectIdentifiers.signedData)) {
            answer.add("layer", "opaque");
            CMSSignedData signed = new CMSSignedData(info);
            Signatures.verify(signed.getSignerInfos(), signed.getCertificates(), answer);
            return entity((byte[]) signed.getSignedContent().getContent());
        }
        if (info.getContentType().equals(CMSObjectIdentifiers.compressedData)) {
            answer.add("layer", "compress");
            return entity(new CMSCompressedData(info).getContent(new ZlibExpanderProvider()));
        }
        answer.add("layer", "envelope");
        return entity(Envelopes.content(info, request.text("with"), new Peer.Values()));
    }

    private static MimeBodyPart entity(byte[] encoded) throws Exception {
        return new MimeBodyPart(new ByteArrayInputStream(encoded));
    }

    private static byte[] written(MimePart part) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        part.writeTo(out);
        return out.toByteArray();
    }
}
