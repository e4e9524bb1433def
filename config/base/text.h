/* text - UTF-8 looked at and mended; names compared; secrets compared; hashes written as hex. */
#ifndef CONFIG_BASE_TEXT_H
#define CONFIG_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/buf.h"

#define CODEPOINT_REPLACEMENT 0xFFFDu

/* Decodes one code point at TEXT (LEN bytes left, > 0) and sets *SIZE to the bytes used; what is broken
 * (overlong, surrogate, cut, > U+10FFFF) gives U+FFFD and a size of 1. */
uint32_t utf8_decode(const char *text, size_t len, size_t *size);
void buf_put_utf8(struct buf *buf, uint32_t codepoint);
/* C0 and C1 controls, bidi controls, zero-width and other characters that are not seen (not blanks). */
bool codepoint_is_invisible(uint32_t codepoint);
/* True when TEXT holds any invisible code point, or is not UTF-8. */
bool text_has_invisible(const char *text);
/* True when TEXT shows nothing: NULL, or only blanks and characters that are not seen. */
bool text_shows_nothing(const char *text);
/* The longest prefix of TEXT of at most UNITS UTF-16 units that ends on a character boundary, in bytes. */
size_t utf16_prefix(const char *text, size_t len, size_t units);
size_t utf16_length(const char *text, size_t len);

bool text_equal(const char *a, const char *b);      /* NULL equals only NULL */
bool text_is_empty(const char *text);               /* NULL or "" */
bool text_prefix(const char *text, const char *prefix);
char *text_lower(const char *text);                 /* ASCII only; the caller frees; NULL stays NULL */
size_t text_distance(const char *a, const char *b); /* Levenshtein in bytes, for "did you mean"; at most 64 bytes of each count */

/*
 * A secret as it is compared: its SHA-256. All are of one length, and compared in a time that tells nothing of where they differ.
 */
struct secret {
	unsigned char hash[32];
	bool is_set; /* NULL and "" are no secret: they equal nothing, each other included */
};
void secret_set(struct secret *secret, const char *text);
bool secret_equal(const struct secret *a, const struct secret *b);
/* SHA-256 of LEN bytes as 64 lower-case hex digits and a NUL. */
void sha256_hex(const void *data, size_t len, char out[65]);
/* Fills OUT with SIZE / 2 random bytes as hex; SIZE counts the NUL and is odd. */
void random_hex(char *out, size_t size);

#endif
