/* embedded - the files that are built into the binary (deploy/embed.sh). */
#ifndef CONFIG_BASE_EMBEDDED_H
#define CONFIG_BASE_EMBEDDED_H

struct embedded {
	const char *name; /* the file's name without its ending; NULL ends the table */
	const char *text;
};
extern const struct embedded embedded_migrations[]; /* by name: 001_… 002_… */
extern const struct embedded embedded_formats[];

#endif
