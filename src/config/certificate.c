#include "assent/config/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct files {
    const struct config *config;
    const struct source_section *section;
    struct config_report *report;
};

static const struct source_entry *entry_of(const struct files *files, const char *key)
{
    return source_find(files->section, key);
}

static BIO *open_text(const struct signature_secret *text)
{
    return text->length > 0 && text->length <= INT_MAX
               ? BIO_new_mem_buf(text->bytes, (int)text->length)
               : NULL;
}

static X509 *read_certificate(const struct signature_secret *text)
{
    BIO *bio = open_text(text);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

/* Without an answer the library would ask for the password at the terminal. */
static int no_password(char *buffer, int size, int writing, void *userdata)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)userdata;
    return -1;
}

static EVP_PKEY *read_key(const struct signature_secret *text)
{
    BIO *bio = open_text(text);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* A file that could not be read was told of already. */
static void check_form(const struct files *files, const char *name, bool right, const char *what)
{
    const struct source_entry *entry = entry_of(files, name);

    if (!right && entry && entry->loaded) {
        source_report(files->report, files->section, entry, "%s; expected %s", what,
                      entry->key->expected);
    }
}

static void check_pair(const struct files *files)
{
    X509 *certificate = read_certificate(&files->config->tls_certificate);
    EVP_PKEY *key = read_key(&files->config->tls_key);

    check_form(files, "tls_certificate", certificate, "there is no certificate in the file");
    check_form(files, "tls_key", key, "there is no key in the file, or an encrypted one");
    if (certificate && key && X509_check_private_key(certificate, key) != 1) {
        source_report(files->report, files->section, entry_of(files, "tls_key"),
                      "this is not the key of tls_certificate; expected the key that the first "
                      "certificate of that file was made for");
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static void check_client_ca(const struct files *files)
{
    X509 *certificate = read_certificate(&files->config->client_ca);

    check_form(files, "client_ca", certificate, "there is no certificate in the file");
    X509_free(certificate);
}

static void check_together(const struct files *files, const char *key, const char *other)
{
    const struct source_entry *entry = entry_of(files, key);

    if (entry && !entry_of(files, other)) {
        source_report(files->report, files->section, entry,
                      "%s is missing; expected it beside this one", other);
    }
}

void certificate_check(const struct config *config, const struct config_source *source,
                       struct config_report *report)
{
    struct files files = {config, source_nth(source, SECTION_SERVER, 0), report};

    if (!files.section) {
        return;
    }
    check_together(&files, "tls_certificate", "tls_key");
    check_together(&files, "tls_key", "tls_certificate");
    check_together(&files, "client_ca", "tls_certificate");
    check_pair(&files);
    check_client_ca(&files);
}
