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
/* Does a severity as high as ALERT's ask for an approval that ANNOUNCEMENT lacked at AT? */
bool announcement_lacks_approval(const struct desk *desk, const struct announcement *announcement,
    const struct alert *alert, int64_t at);
/* When its author is to be reminded of its end; TIME_NONE: not, or it was done. */
int64_t announcement_remind_at(const struct announcement *announcement);
/* Does policy.never_suppress name ALERT? What cannot be compared counts as named: suppression fails closed. */
bool alert_is_never_suppressed(const struct desk *desk, const struct alert *alert);
/* ---- announce.c, for approval.c and life.c ---- */

void announcement_subject(int64_t id, char out[24]); /* "H17" */
/* What the audit log keeps of it, as JSON. The caller frees. */
char *announcement_detail(const struct announcement *announcement);
/* Reads H<id>; NULL when it is not there or over (WANTS_MORE: the refusal says how to announce anew). The caller frees. */
struct announcement *announcement_standing(
    struct desk *desk, int64_t id, bool wants_more, struct error *err);
/* Writes a change and shows it. */
bool announcement_write(struct desk *desk, struct announcement *announcement, struct error *err);
/* It is over: written, told, and what it covered and still fires is told anew. */
bool announcement_over(struct desk *desk, const struct actor *actor,
    struct announcement *announcement, enum announcement_state state, const char *why,
    struct error *err);
bool announcement_say_receipt(
    struct desk *desk, const struct announcement *announcement, struct error *err);
/* Hands ANNOUNCEMENT over in *NOW, or frees it when not OK. */
bool announcement_give(
    struct announcement *announcement, bool ok, struct announcement **now);
/* What policy refused is a fact of the audit log. False: so that a refusal is one line; ERR stays as it is. */
bool announcement_refused(
    struct desk *desk, const struct actor *actor, int64_t id, struct error *err);

/* ---- life.c ---- */

/* Notes what is to be told anew of one that is over. */
void announcement_begin_retelling(struct announcement *announcement);
/* Does the first part of it; the receipt follows the last. */
bool announcement_retell(struct desk *desk, struct announcement *announcement, struct error *err);
/* " Still firing, told anew: 3 alerts." */
void announcement_put_retold(const struct announcement *announcement, struct buf *out);
bool announcement_remind(struct desk *desk, struct announcement *announcement, struct error *err);

/* "alice announced this, mallory did it" */
void announcement_other_actor(
    const char *author, const struct alert *alert, char *out, size_t size);

#endif
