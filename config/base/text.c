#include "config/base/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/memory.h"

uint32_t utf8_decode(const char *text, size_t len, size_t *size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *at = (const unsigned char *)text;
	uint32_t code;
	size_t need;

	*size = 1;
	if (at[0] < 0x80)
		return at[0];
	if (at[0] >= 0xC2 && at[0] <= 0xDF)
		need = 2;
	else if (at[0] >= 0xE0 && at[0] <= 0xEF)
		need = 3;
	else if (at[0] >= 0xF0 && at[0] <= 0xF4)
		need = 4;
	else
		return CODEPOINT_REPLACEMENT;
	if (len < need)
		return CODEPOINT_REPLACEMENT;
	code = at[0] & (0xFFu >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return CODEPOINT_REPLACEMENT;
		code = code << 6 | (at[i] & 0x3F);
	}
	if (code < least[need] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return CODEPOINT_REPLACEMENT;
	*size = need;
	return code;
}

void buf_put_utf8(struct buf *buf, uint32_t code)
{
	char out[4];
	size_t len;

	if (code < 0x80) {
		out[0] = (char)code;
		len = 1;
	} else if (code < 0x800) {
		out[0] = (char)(0xC0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3F));
		len = 2;
	} else if (code < 0x10000) {
		out[0] = (char)(0xE0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3F));
		out[2] = (char)(0x80 | (code & 0x3F));
		len = 3;
	} else {
		out[0] = (char)(0xF0 | code >> 18);
		out[1] = (char)(0x80 | (code >> 12 & 0x3F));
		out[2] = (char)(0x80 | (code >> 6 & 0x3F));
		out[3] = (char)(0x80 | (code & 0x3F));
		len = 4;
	}
	buf_put(buf, out, len);
}

/* Unicode's Cc and Cf, the fillers and selectors that leave no mark, and the line and paragraph separators. */
bool codepoint_is_invisible(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x0600, 0x0605},
	    {0x061C, 0x061C}, {0x06DD, 0x06DD}, {0x070F, 0x070F}, {0x115F, 0x1160}, {0x17B4, 0x17B5},
	    {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
	    {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A},
	    {0xE0000, 0xE0FFF},
	};

	if (code >= 0x20 && code < 0x7F)
		return false;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

bool text_has_invisible(const char *text)
{
	size_t len = strlen(text), size;

	for (size_t i = 0; i < len; i += size) {
		uint32_t code = utf8_decode(text + i, len - i, &size);

		if (codepoint_is_invisible(code) || (code == CODEPOINT_REPLACEMENT && size == 1))
			return true;
	}
	return false;
}

/* Blanks of Unicode that are no ASCII; those which invisible characters count among are not here. */
static bool is_blank(uint32_t code)
{
	return code == ' ' || code == '\t' || code == '\r' || code == '\n' || code == 0xA0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
	       code == 0x205F || code == 0x2800 || code == 0x3000;
}

bool text_shows_nothing(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0, size;

	for (size_t i = 0; i < len; i += size) {
		uint32_t code = utf8_decode(text + i, len - i, &size);

		if (!is_blank(code) && !codepoint_is_invisible(code))
			return false;
	}
	return true;
}

size_t utf16_prefix(const char *text, size_t len, size_t units)
{
	size_t at = 0, size;

	while (at < len) {
		size_t wide = utf8_decode(text + at, len - at, &size) > 0xFFFF ? 2 : 1;

		if (wide > units)
			break;
		units -= wide;
		at += size;
	}
	return at;
}

size_t utf16_length(const char *text, size_t len)
{
	size_t units = 0, size;

	for (size_t at = 0; at < len; at += size)
		units += utf8_decode(text + at, len - at, &size) > 0xFFFF ? 2 : 1;
	return units;
}

bool text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool text_is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

bool text_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

char *text_lower(const char *text)
{
	char *copy = xstrdup(text);

	for (char *at = copy; at != NULL && *at != '\0'; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	}
	return copy;
}

#define DISTANCE_MAX 64 /* bytes of each text that text_distance() looks at */

size_t text_distance(const char *a, const char *b)
{
	size_t row[DISTANCE_MAX + 1];
	size_t a_len = strnlen(a, DISTANCE_MAX), b_len = strnlen(b, DISTANCE_MAX);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

static EVP_MD *sha256_found; /* found once: OpenSSL 3 looks for EVP_sha256() anew with each use, which takes longer than a short hash */

static void find_sha256(void)
{
	sha256_found = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void sha256(const void *data, size_t len, unsigned char hash[32])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned size = 32;

	pthread_once(&once, find_sha256);
	if (sha256_found == NULL || EVP_Digest(data, len, hash, &size, sha256_found, NULL) != 1)
		abort(); /* without hashes nobody can be told from anybody */
}

void secret_set(struct secret *secret, const char *text)
{
	*secret = (struct secret){.is_set = !text_is_empty(text)};
	if (secret->is_set)
		sha256(text, strlen(text), secret->hash);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return CRYPTO_memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 && a->is_set && b->is_set;
}

static void write_hex(const unsigned char *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * count] = '\0';
}

void sha256_hex(const void *data, size_t len, char out[65])
{
	unsigned char hash[32];

	sha256(data, len, hash);
	write_hex(hash, sizeof(hash), out);
}

void random_hex(char *out, size_t size)
{
	unsigned char bytes[64];
	size_t count = (size - 1) / 2;

	if (count > sizeof(bytes))
		count = sizeof(bytes);
	if (RAND_bytes(bytes, (int)count) != 1)
		abort(); /* without randomness nothing that needs it is safe */
	write_hex(bytes, count, out);
}
