import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Date;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;
import org.bouncycastle.tsp.ers.ERSException;

/** What Bouncy Castle says of evidence records: RECORD DATA CERTIFICATE (of the last time stamp), any number of times. */
public class Check {
    public static void main(String[] paths) throws Exception {
        for (int at = 0; at < paths.length; at += 3) {
            System.out.println(verdict(read(paths[at]), read(paths[at + 1]), read(paths[at + 2])));
        }
    }

    private static String verdict(byte[] record, byte[] data, byte[] certificate) throws Exception {
        X509Certificate signer = (X509Certificate)
            CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(certificate));
        try {
            ERSEvidenceRecord read =
                new ERSEvidenceRecord(record, new JcaDigestCalculatorProviderBuilder().build());
            read.validatePresent(new ERSByteData(data), new Date());
            read.validate(new JcaSimpleSignerInfoVerifierBuilder().build(signer));
            return "valid";
        } catch (ERSException refused) {
            return "refused: " + refused.getMessage();
        } catch (Exception malformed) {
            return "malformed: " + malformed.getMessage();
        }
    }

    private static byte[] read(String path) throws Exception {
        return Files.readAllBytes(Paths.get(path));
    }
}
