import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import javax.mail.Session;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMessage;
import javax.mail.internet.MimeMultipart;
import org.bouncycastle.mail.smime.SMIMESigned;
import org.bouncycastle.mail.smime.SMIMESignedGenerator;
import org.bouncycastle.util.CollectionStore;

/** The MIME forms: multipart/signed and application/pkcs7-mime. */
final class Mail {
    static void register(Map<String, Peer.Verb> verbs) {
        verbs.put("mail-sign", Mail::sign);
        verbs.put("mail-verify", Mail::verify);
    }

    private static void sign(Peer.Values request, Peer.Values answer) throws Exception {
        SMIMESignedGenerator generator = new SMIMESignedGenerator();
        String signer = request.text("signer");
        generator.addSignerInfoGenerator(Signatures.signerInfo(signer, request, List.of()));
        generator.addCertificates(new CollectionStore<>(List.of(Peer.identity(signer.split(" ")[0]).holder(), Peer.identity("ca").holder())));
        MimeBodyPart entity = new MimeBodyPart(new ByteArrayInputStream(request.bytes("content")));
        MimeMessage message = new MimeMessage(Session.getInstance(new Properties()));
        message.setFrom(request.text("from"));
        if (request.has("detached")) {
            message.setContent(generator.generate(entity));
        } else {
            MimeBodyPart opaque = generator.generateEncapsulated(entity);
            message.setContent(opaque.getContent(), opaque.getContentType());
        }
        message.saveChanges();
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        message.writeTo(written);
        answer.add("message", written.toByteArray());
    }

    private static void verify(Peer.Values request, Peer.Values answer) throws Exception {
        MimeMessage message = new MimeMessage(Session.getInstance(new Properties()), new ByteArrayInputStream(request.bytes("message")));
        SMIMESigned signed = message.isMimeType("multipart/signed")
            ? new SMIMESigned((MimeMultipart) message.getContent()) : new SMIMESigned(message);
        Signatures.verify(signed.getSignerInfos(), signed.getCertificates(), answer);
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        signed.getContent().writeTo(written);
        answer.add("content", written.toByteArray());
    }
}
