// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <string.h>

#include "pattern.h"

void pattern_fill(void *block, __u64 number)
{
	__u64 word;
	int i;

	for (i = 0; i < BLOCK_WORDS; i++) {
		word = htole64(number * BLOCK_WORDS + i);
		memcpy(block + i * sizeof(word), &word, sizeof(word));
	}
}

bool pattern_matches(const void *block, __u64 number)
{
	__u8 wanted[BLOCK_SIZE];

	pattern_fill(wanted, number);
	return !memcmp(block, wanted, sizeof(wanted));
}
