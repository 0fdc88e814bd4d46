// SPDX-License-Identifier: GPL-2.0-only
/*
 * One error from begin to end, told by the owner of an NVMe function:
 *
 *	zpci_recover_demo [--cdev] [ADDRESS [BLOCK]]
 *
 * The owner is this program, through vfio-pci. It makes the device fail for real, is
 * woken, reads the event, resets the device and goes on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owner.h"

static __u64 step_start;

/* Prints a line for one step, with the time since the step before. */
[[gnu::format(printf, 1, 2)]]
static void tell(const char *format, ...)
{
	__u64 now = now_ns();
	va_list args;

	printf("[%7.1f ms] ", (now - step_start) / 1e6);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	step_start = now_ns();
}

/* Prints why the demo ends here. Returns @error, for the caller to return. */
[[gnu::format(printf, 2, 3)]]
static int fail(int error, const char *format, ...)
{
	va_list args;

	printf("FAILED: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (error < 0)
		printf(" (%s)", strerror(-error));
	putchar('\n');
	return 1;
}

static int get_ready(struct owner *owner, const char *address, enum vfio_mode mode, __u64 block)
{
	__u64 start;
	int ret;

	ret = pci_bind(address, "vfio-pci");
	if (ret)
		return fail(ret, "cannot bind %s to vfio-pci", address);
	ret = vfio_open(&owner->fn, address, mode);
	if (ret)
		return fail(ret, "cannot open %s through vfio", address);
	tell("This program owns the PCI function %s now (vfio-pci, %s).", address,
	     mode == VFIO_GROUP_TYPE1 ? "group and type 1 container" : "cdev and iommufd");

	ret = error_region_find(&owner->fn, &owner->region);
	if (ret)
		return fail(ret, "this kernel offers no error region for the function");
	owner->error_event = event_new();
	if (owner->error_event < 0)
		return fail(owner->error_event, "cannot make an eventfd");
	ret = owner_listen(owner);
	if (ret)
		return fail(ret, "cannot register the error eventfd");
	tell("It listens for errors: an eventfd wakes it, a region tells it more.");

	ret = dma_start(&owner->fn, &start);
	if (ret)
		return fail(ret, "the kernel does not say where DMA addresses start");
	owner->unmapped = start + DMA_UNMAPPED_AT;
	ret = nvme_start(&owner->nvme, &owner->fn, start + DMA_BUFFER_AT);
	if (ret)
		return fail(ret, "the NVMe controller does not start");
	tell("Its own NVMe driver is up on \"%s\": two queues, two interrupts.",
	     owner->nvme.model);

	ret = nvme_verify(&owner->nvme, block);
	if (ret)
		return fail(ret, "block %llu cannot be read before the error", block);
	tell("Block %llu was read, the interrupt came, and the content is right.", block);
	return 0;
}

static int show_event(struct owner *owner)
{
	struct vfio_device_zpci_err_region event;
	struct ccdf ccdf;
	int ret;

	ret = error_region_take(&owner->fn, &owner->region, &event);
	if (ret)
		return fail(ret, "the error region cannot be read");
	if (!(event.flags & VFIO_ZPCI_ERR_PRESENT))
		return fail(0, "the owner was woken, but no error is in the region");
	ccdf_decode(event.ccdf, &ccdf);
	tell("The region says: event %llu, code 0x%x (%s), function 0x%08x.",
	     event.sequence, event.pec, pec_text(event.pec), ccdf.fid);
	if (event.pec != PEC_DMA_ACCESS)
		return fail(0, "the code is 0x%x, not 0x%x", event.pec, PEC_DMA_ACCESS);
	tell("The failing address is 0x%llx: %s the one that was provoked.", ccdf.faddr,
	     ccdf.faddr == owner->unmapped ? "exactly" : "not");
	if (ccdf.faddr != owner->unmapped)
		return fail(0, "the failing address should be 0x%llx", owner->unmapped);

	ret = error_region_take(&owner->fn, &owner->region, &event);
	if (ret)
		return fail(ret, "the error region cannot be read a second time");
	if (event.flags || event.pec || event.sequence || event.pending_errors)
		return fail(0, "the region repeats an event, or has one too many");
	tell("Read again, the region is empty: every event is given once.");
	return 0;
}

static int break_it(struct owner *owner)
{
	__u32 csts;
	int ret;

	ret = nvme_provoke_error(&owner->nvme, owner->unmapped);
	if (ret)
		return fail(ret, "the error cannot be provoked");
	tell("The device was told to fetch a command from address 0x%llx, where nothing is.",
	     owner->unmapped);
	ret = event_wait(owner->error_event, PATIENCE_MS);
	if (ret)
		return fail(ret, "the error eventfd does not wake the owner");
	tell("The device's read of address 0x%llx failed, and the eventfd woke the owner.",
	     owner->unmapped);
	ret = show_event(owner);
	if (ret)
		return ret;
	ret = nvme_status(&owner->nvme, &csts);
	if (ret || csts != ~0U)
		return fail(ret, "the function still answers, so nobody left it to its owner");
	tell("The function is cut off: its status register reads 0x%08x.", csts);
	return 0;
}

static int repair_it(struct owner *owner, __u64 block)
{
	__u32 csts;
	int ret;

	ret = vfio_reset(&owner->fn);
	if (ret)
		return fail(ret, "the reset failed");
	tell("The owner reset the function (VFIO_DEVICE_RESET).");
	ret = nvme_status(&owner->nvme, &csts);
	if (ret)
		return fail(ret, "the status register cannot be read after the reset");
	if (csts == ~0U)
		return fail(0, "the function is still cut off after the reset");
	if (csts & NVME_CSTS_CFS)
		return fail(0, "the controller still reports a fatal error after the reset");
	tell("It answers again, and the controller reports no fatal error (status 0x%08x).", csts);

	ret = nvme_reinit(&owner->nvme);
	if (ret)
		return fail(ret, "the NVMe controller does not start after the reset");
	tell("The driver is up again, with the interrupts and the DMA mapping it had before.");
	ret = nvme_verify(&owner->nvme, block);
	if (ret)
		return fail(ret, "block %llu cannot be read after the reset", block);
	tell("Block %llu was read again, the interrupt came, and the content is right.", block);
	return 0;
}

int main(int argc, char **argv)
{
	enum vfio_mode mode = VFIO_GROUP_TYPE1;
	char address[PCI_ADDRESS_LEN];
	__u64 block = TEST_BLOCK;
	struct owner owner = { .error_event = -1 };
	int arg = 1;
	__u64 start;
	int ret;

	if (arg < argc && !strcmp(argv[arg], "--cdev")) {
		mode = VFIO_CDEV_IOMMUFD;
		arg++;
	}
	if (arg < argc)
		snprintf(address, sizeof(address), "%s", argv[arg++]);
	else if (pci_find(PCI_KIND_NVME, address))
		return fail(0, "there is no NVMe function");
	if (arg < argc)
		block = strtoull(argv[arg], NULL, 0);

	start = now_ns();
	step_start = start;
	ret = get_ready(&owner, address, mode, block);
	if (!ret)
		ret = break_it(&owner);
	if (!ret)
		ret = repair_it(&owner, block);
	if (ret)
		return ret;
	tell("All of it took %.1f ms.", (now_ns() - start) / 1e6);
	owner_close(&owner);
	puts("RECOVERED");
	return 0;
}
