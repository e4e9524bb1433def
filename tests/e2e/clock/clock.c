/*
 * clock - moves the wall clock of one process: preloaded, it adds the seconds written in the file
 * that HEADSUP_TEST_CLOCK names to what CLOCK_REALTIME says. The steady clocks stay as they are.
 * For tests only.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Read anew for each call: a test moves the clock while the process runs. */
static long long offset_s(void)
{
	static int fd = -2;
	char text[32];
	const char *path;
	ssize_t len;

	if (fd == -2) {
		path = getenv("HEADSUP_TEST_CLOCK");
		fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
	if (fd < 0)
		return 0;
	len = pread(fd, text, sizeof(text) - 1, 0);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	return strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, which, now);

	if (result == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
		now->tv_sec += (time_t)offset_s();
	return (int)result;
}

int gettimeofday(struct timeval *now, void *zone)
{
	struct timespec at;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &at) != 0)
		return -1;
	now->tv_sec = at.tv_sec;
	now->tv_usec = at.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec at;

	if (clock_gettime(CLOCK_REALTIME, &at) != 0)
		return (time_t)-1;
	if (out != NULL)
		*out = at.tv_sec;
	return at.tv_sec;
}

int timespec_get(struct timespec *now, int base)
{
	if (base != TIME_UTC || clock_gettime(CLOCK_REALTIME, now) != 0)
		return 0;
	return base;
}
