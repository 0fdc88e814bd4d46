// SPDX-License-Identifier: GPL-2.0-only
/* Compares configuration space at two moments. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

int config_save(struct vfio_function *fn, struct config *config)
{
	int ret;

	memset(config, 0, sizeof(*config));
	config->len = fn->window[VFIO_PCI_CONFIG_REGION_INDEX].size;
	if (config->len < 256 || config->len > CONFIG_MAX)
		return -E2BIG;
	ret = pci_config_read(fn->address, 0, config->host, config->len);
	/*
	 * With MSI-X on, this bit has no meaning, and its value may change: restoring
	 * MSI-X sets it, and vfio's setup of MSI-X clears it.
	 */
	config->host[PCI_COMMAND + 1] &= ~(PCI_COMMAND_INTX_DISABLE >> 8);
	return ret ? ret : vfio_config_read(fn, 0, config->vfio, config->len);
}

static int differences(const char *whose, const __u8 *before, const __u8 *after, size_t len)
{
	int count = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (before[i] == after[i])
			continue;
		printf("# %s configuration space at 0x%zx: %02x before, %02x after\n", whose, i,
		       before[i], after[i]);
		count++;
	}
	return count;
}

int config_differences(const struct config *before, const struct config *after)
{
	return differences("host's", before->host, after->host, before->len) +
	       differences("vfio's", before->vfio, after->vfio, before->len);
}
