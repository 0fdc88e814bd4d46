// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes an NVMe controller access an address that is not mapped for it, even while a
 * driver uses it:
 *
 *	zpci_break 0001:00:00.0 0x100200000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw_nvme.h"

int main(int argc, char **argv)
{
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: zpci_break PCI-ADDRESS DMA-ADDRESS\n");
		return EXIT_FAILURE;
	}
	ret = raw_nvme_provoke_error(argv[1], strtoull(argv[2], NULL, 0));
	if (ret) {
		fprintf(stderr, "zpci_break: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
