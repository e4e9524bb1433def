/* announcements_internal - what the files about announcements share: handlers/announcements.c, explain.c, announce.c. */
#ifndef HANDLERS_ANNOUNCEMENTS_INTERNAL_H
#define HANDLERS_ANNOUNCEMENTS_INTERNAL_H

#include "handlers/announcements.h"
#include "handlers/index.h"

/* One that is in the cache. */
struct standing {
	struct announcement *said; /* owned */
	struct indexed item;       /* its matches, compiled once */
	char *author;              /* the author's name, as people are called */
	bool is_filed;             /* false: its matches could not be read, and it covers nothing */
	bool has_begun;            /* its begin needs no telling any more */
	int64_t due_at;            /* its next begin or end */
};
struct due {
	int64_t at, id;
};
struct announcements {
	struct index *index;
	struct standing **list; /* by id */
	size_t count, room;
	size_t broken_count; /* of them: over, kept for the mark */
	struct due
	    *heap; /* earliest first; what no longer holds is dropped when it comes to the top */
	size_t heap_count, heap_room;
};

/* Compiles ANNOUNCEMENT's matches and its implied actor into ITEM (indexed_fini() undoes); false: a match cannot be read. */
bool announcement_compile(const struct desk *desk, const struct announcement *announcement,
    struct indexed *item, struct error *err);
/* It ended because all that was announced has come. */
bool announcement_is_broken(const struct announcement *announcement);
/* Does a severity as high as ALERT's ask for an approval that ANNOUNCEMENT lacks? */
bool announcement_lacks_approval(
    const struct desk *desk, const struct announcement *announcement, const struct alert *alert);
/* Does policy.never_suppress name ALERT? What cannot be compared counts as named: suppression fails closed. */
bool alert_is_never_suppressed(const struct desk *desk, const struct alert *alert);
/* "alice announced this, mallory did it" */
void announcement_other_actor(
    const char *author, const struct alert *alert, char *out, size_t size);

#endif
