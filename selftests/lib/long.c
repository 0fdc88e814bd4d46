// SPDX-License-Identifier: GPL-2.0-only
/* Durations, random numbers and figures of long tests. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "long.h"

#define FIGURES	"# figures: "

int times(int quick, int thorough)
{
	const char *text = getenv("ZPCI_LONG");

	return text && atoi(text) ? thorough : quick;
}

__u64 random_seed(void)
{
	const char *text = getenv("ZPCI_SEED");

	return text ? strtoull(text, NULL, 0) : 1;
}

/* SplitMix64, by Sebastiano Vigna: every seed is as good as any other. */
__u64 random_next(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

__u32 random_below(__u64 *state, __u32 limit)
{
	return (random_next(state) >> 32) % limit;
}

void figures(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Written at once and without a buffer: the process may be killed afterwards. */
	fprintf(stderr, FIGURES "%s\n", text);
}
