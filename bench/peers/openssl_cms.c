/* OpenSSL's CMS as a peer of bench.engine: one job a line on standard input, its CPU seconds a line on standard output.

     encrypt-known CIPHER CERTIFICATES CONTENT OUT    CMS_encrypt to certificates that it was given before
     encrypt-parsed CIPHER CERTIFICATES CONTENT OUT   the same to certificates that were parsed and no more
     encrypt-raw CIPHER CERTIFICATES CONTENT OUT      the same, parsing them included
     seal CIPHER IDENTITY CERTIFICATES CONTENT OUT    CMS_sign, then CMS_encrypt
     open IDENTITY MESSAGE OUT                        CMS_decrypt, then CMS_verify without the signer's path
     peak                                             instead of seconds: the greatest resident size so far in KiB

   Certificates are one after the other in DER, an identity is a key and its certificate in PEM. Reading files and writing OUT is not
   timed, but for `open`: there the message comes from its file and the content goes to OUT, because neither needs to fit memory. */

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static void must(int holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "%s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static BIO *in_memory(const char *path) {
    BIO *file = BIO_new_file(path, "rb"), *memory = BIO_new(BIO_s_mem());
    char block[65536];
    int size;
    must(file != NULL, path);
    while ((size = BIO_read(file, block, sizeof block)) > 0)
        BIO_write(memory, block, size);
    BIO_free(file);
    return memory;
}

static STACK_OF(X509) *parsed(BIO *encoded) {
    const unsigned char *position;
    long size = BIO_get_mem_data(encoded, (char **)&position);
    const unsigned char *end = position + size;
    STACK_OF(X509) *found = sk_X509_new_null();
    while (position < end) {
        X509 *each = d2i_X509(NULL, &position, end - position);
        must(each != NULL, "d2i_X509");
        sk_X509_push(found, each);
    }
    return found;
}

/* The certificates of a file, kept from one job to the next: prepared once, as recipients are. */
static STACK_OF(X509) *kept(const char *path) {
    static char last[4096];
    static STACK_OF(X509) *certificates;
    if (strcmp(path, last) != 0) {
        BIO *encoded = in_memory(path);
        sk_X509_pop_free(certificates, X509_free);
        certificates = parsed(encoded);
        BIO_free(encoded);
        snprintf(last, sizeof last, "%s", path);
    }
    return certificates;
}

/* The key and the certificate of a file, kept likewise. */
static void identity(const char *path, X509 **certificate, EVP_PKEY **key) {
    static char last[4096];
    static X509 *last_certificate;
    static EVP_PKEY *last_key;
    if (strcmp(path, last) != 0) {
        BIO *pem = in_memory(path);
        X509_free(last_certificate);
        EVP_PKEY_free(last_key);
        last_key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
        last_certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        must(last_key != NULL && last_certificate != NULL, path);
        BIO_free(pem);
        snprintf(last, sizeof last, "%s", path);
    }
    *certificate = last_certificate;
    *key = last_key;
}

static BIO *encoded(CMS_ContentInfo *message) {
    BIO *out = BIO_new(BIO_s_mem());
    must(i2d_CMS_bio(out, message), "i2d_CMS_bio");
    CMS_ContentInfo_free(message);
    return out;
}

static BIO *encrypted(STACK_OF(X509) *recipients, BIO *content, const EVP_CIPHER *cipher) {
    CMS_ContentInfo *message = CMS_encrypt(recipients, content, cipher, CMS_BINARY);
    must(message != NULL, "CMS_encrypt");
    return encoded(message);
}

static void save(BIO *memory, const char *path) {
    char *data;
    long size = BIO_get_mem_data(memory, &data);
    FILE *file = fopen(path, "wb");
    must(file != NULL && fwrite(data, 1, size, file) == (size_t)size && fclose(file) == 0, path);
    BIO_free(memory);
}

static double encrypt(const char *job, const char *cipher, const char *certificates, const char *content, const char *path) {
    BIO *data = in_memory(content), *file = in_memory(certificates), *out;
    int known = strcmp(job, "encrypt-known") == 0, raw = strcmp(job, "encrypt-raw") == 0;
    STACK_OF(X509) *recipients = known ? kept(certificates) : raw ? NULL : parsed(file);
    double began = cpu_seconds(), took;
    if (raw)
        recipients = parsed(file);
    out = encrypted(recipients, data, EVP_get_cipherbyname(cipher));
    took = cpu_seconds() - began;
    if (!known)
        sk_X509_pop_free(recipients, X509_free);
    save(out, path);
    BIO_free(data);
    BIO_free(file);
    return took;
}

static double seal(const char *cipher, const char *signer, const char *certificates, const char *content, const char *path) {
    BIO *data = in_memory(content), *inner, *out;
    STACK_OF(X509) *recipients = kept(certificates);
    CMS_ContentInfo *message;
    X509 *certificate;
    EVP_PKEY *key;
    double began, took;
    identity(signer, &certificate, &key);
    began = cpu_seconds();
    message = CMS_sign(certificate, key, NULL, data, CMS_BINARY);
    must(message != NULL, "CMS_sign");
    inner = encoded(message);
    out = encrypted(recipients, inner, EVP_get_cipherbyname(cipher));
    took = cpu_seconds() - began;
    save(out, path);
    BIO_free(inner);
    BIO_free(data);
    return took;
}

static double open_message(const char *recipient, const char *path, const char *content) {
    BIO *file = BIO_new_file(path, "rb"), *out = BIO_new_file(content, "wb"), *inner = BIO_new(BIO_s_mem());
    CMS_ContentInfo *message;
    X509 *certificate;
    EVP_PKEY *key;
    double began, took;
    must(file != NULL && out != NULL, path);
    identity(recipient, &certificate, &key);
    began = cpu_seconds();
    message = d2i_CMS_bio(file, NULL);
    must(message != NULL && CMS_decrypt(message, key, certificate, NULL, inner, CMS_BINARY), "CMS_decrypt");
    CMS_ContentInfo_free(message);
    message = d2i_CMS_bio(inner, NULL);
    must(message != NULL && CMS_verify(message, NULL, NULL, NULL, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY), "CMS_verify");
    CMS_ContentInfo_free(message);
    BIO_flush(out);
    took = cpu_seconds() - began;
    BIO_free(file);
    BIO_free(inner);
    BIO_free(out);
    return took;
}

int main(void) {
    char line[16384], *word[6];
    while (fgets(line, sizeof line, stdin)) {
        int count = 0;
        for (char *next = strtok(line, " \n"); next && count < 6; next = strtok(NULL, " \n"))
            word[count++] = next;
        if (count == 5 && strncmp(word[0], "encrypt-", 8) == 0)
            printf("%.9f\n", encrypt(word[0], word[1], word[2], word[3], word[4]));
        else if (count == 6 && strcmp(word[0], "seal") == 0)
            printf("%.9f\n", seal(word[1], word[2], word[3], word[4], word[5]));
        else if (count == 4 && strcmp(word[0], "open") == 0)
            printf("%.9f\n", open_message(word[1], word[2], word[3]));
        else if (count == 1 && strcmp(word[0], "peak") == 0) {
            struct rusage usage;
            getrusage(RUSAGE_SELF, &usage);
            printf("%ld\n", usage.ru_maxrss);
        } else
            must(0, "reading a job");
        fflush(stdout);
    }
    return 0;
}
