/* tls - a certificate authority for one test, and a certificate for 127.0.0.1 and localhost. */
#ifndef TESTS_E2E_TLS_H
#define TESTS_E2E_TLS_H

#include <stdbool.h>

/* Writes ca.pem, cert.pem and key.pem into DIR. */
bool tls_make(const char *dir);

#endif
