/* tls - a certificate authority for one test, and a certificate for 127.0.0.1 and localhost. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/e2e/tls.h"

#define LIFE_S 86400

static bool extension_add(X509 *cert, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* A certificate for KEY in NAME, signed by ISSUER's key; of itself when ISSUER is NULL. */
static X509 *cert_new(
    EVP_PKEY *key, const char *name, long serial, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *subject;
	bool ok;

	if (cert == NULL)
		return NULL;
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	/* Long ago and for long: a test may move the clock. */
	X509_gmtime_adj(X509_getm_notBefore(cert), -30 * LIFE_S);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3650L * LIFE_S);
	X509_set_pubkey(cert, key);
	subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
	if (issuer == NULL)
		ok = extension_add(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
		     extension_add(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		     extension_add(cert, cert, NID_subject_key_identifier, "hash");
	else
		ok =
		    extension_add(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
		    extension_add(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
		    extension_add(cert, issuer, NID_ext_key_usage, "serverAuth") &&
		    extension_add(cert, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	if (!ok || X509_sign(cert, issuer_key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static bool cert_write(const char *dir, const char *name, X509 *cert)
{
	char path[512];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	ok = PEM_write_X509(file, cert) == 1;
	return fclose(file) == 0 && ok;
}

static bool key_write(const char *dir, const char *name, EVP_PKEY *key)
{
	char path[512];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	ok = fchmod(fileno(file), 0600) == 0 &&
	     PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	return fclose(file) == 0 && ok;
}

bool tls_make(const char *dir)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = NULL, *cert = NULL;
	bool ok = false;

	if (ca_key != NULL && key != NULL)
		ca = cert_new(ca_key, "headsup test authority", 1, NULL, ca_key);
	if (ca != NULL)
		cert = cert_new(key, "localhost", 2, ca, ca_key);
	if (cert != NULL)
		ok = cert_write(dir, "ca.pem", ca) && cert_write(dir, "cert.pem", cert) &&
		     key_write(dir, "key.pem", key);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ok;
}
