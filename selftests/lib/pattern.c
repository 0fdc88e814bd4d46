// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

int disk_verify(const char *path, __u64 number)
{
	__u8 block[BLOCK_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, block, sizeof(block), number * BLOCK_SIZE) != sizeof(block))
		ret = -EIO;
	else if (!pattern_matches(block, number))
		ret = -EILSEQ;
	close(fd);
	return ret;
}
