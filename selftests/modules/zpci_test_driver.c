// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI driver whose answers to an error are parameters, so that recovery by the host
 * can be compared between Rust and C for each answer. It only binds functions whose
 * driver_override names it.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>

/* Registers, from the NVM Express Base Specification. */
#define NVME_CC		0x14
#define NVME_CSTS	0x1c
#define NVME_AQA	0x24
#define NVME_ASQ	0x28
#define NVME_ACQ	0x30
#define NVME_DOORBELL	0x1000

/* Numbers of enum pci_ers_result; with 0 the driver does not have that callback. */
static int detected = PCI_ERS_RESULT_CAN_RECOVER;
module_param(detected, int, 0600);
MODULE_PARM_DESC(detected, "answer to error_detected");

static int mmio = PCI_ERS_RESULT_RECOVERED;
module_param(mmio, int, 0600);
MODULE_PARM_DESC(mmio, "answer to mmio_enabled");

static int slot = PCI_ERS_RESULT_RECOVERED;
module_param(slot, int, 0600);
MODULE_PARM_DESC(slot, "answer to slot_reset");

static bool resume = true;
module_param(resume, bool, 0600);
MODULE_PARM_DESC(resume, "whether there is a callback resume");

static bool table = true;
module_param(table, bool, 0600);
MODULE_PARM_DESC(table, "whether there is a table of callbacks");

static pci_ers_result_t test_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	pci_info(pdev, "test: error_detected(%d) state %d: %d\n", state, pdev->error_state,
		 detected);
	return detected;
}

static pci_ers_result_t test_mmio_enabled(struct pci_dev *pdev)
{
	pci_info(pdev, "test: mmio_enabled state %d: %d\n", pdev->error_state, mmio);
	return mmio;
}

static pci_ers_result_t test_slot_reset(struct pci_dev *pdev)
{
	pci_info(pdev, "test: slot_reset state %d: %d\n", pdev->error_state, slot);
	return slot;
}

static void test_resume(struct pci_dev *pdev)
{
	pci_info(pdev, "test: resume state %d\n", pdev->error_state);
}

/* Not const: each bind fills the table again from the parameters. */
static struct pci_error_handlers test_handlers;

static void test_set_handlers(struct pci_driver *driver)
{
	test_handlers.error_detected = detected ? test_detected : NULL;
	test_handlers.mmio_enabled = mmio ? test_mmio_enabled : NULL;
	test_handlers.slot_reset = slot ? test_slot_reset : NULL;
	test_handlers.resume = resume ? test_resume : NULL;
	driver->err_handler = table ? &test_handlers : NULL;
}

static struct pci_driver test_driver;

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", to_pci_dev(dev)->error_state);
}

/*
 * A write sets the channel state, and resets the function if it is blocked: a test can
 * make a function work again that was given up.
 */
static ssize_t state_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	u32 command = 0;
	int state, ret;

	ret = kstrtoint(buf, 0, &state);
	if (ret)
		return ret;
	device_lock(dev);
	pdev->error_state = state;
	pci_read_config_dword(pdev, PCI_COMMAND, &command);
	if (PCI_POSSIBLE_ERROR(command))
		ret = pci_reset_function_locked(pdev);
	test_set_handlers(&test_driver);
	device_unlock(dev);
	return ret ? ret : count;
}
static DEVICE_ATTR_RW(state);

static int test_wait_ready(void __iomem *bar, u32 wanted)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if ((readl(bar + NVME_CSTS) & 1) == wanted)
			return 0;
		usleep_range(100, 200);
	}
	return -ETIMEDOUT;
}

/* Makes an NVMe controller fetch a command from an address that is not mapped. */
static int test_raise(struct pci_dev *pdev, void __iomem *bar)
{
	int ret;

	pci_write_config_word(pdev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	writel(0, bar + NVME_CC);
	ret = test_wait_ready(bar, 0);
	if (ret)
		return ret;
	writel(1 << 16 | 1, bar + NVME_AQA);
	writel(0x200000, bar + NVME_ASQ);
	writel(1, bar + NVME_ASQ + 4);
	writel(0x201000, bar + NVME_ACQ);
	writel(1, bar + NVME_ACQ + 4);
	writel(6 << 16 | 4 << 20 | 1, bar + NVME_CC);
	ret = test_wait_ready(bar, 1);
	if (!ret)
		writel(1, bar + NVME_DOORBELL);
	return ret;
}

/* A write makes the device cause a real error. */
static ssize_t raise_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	void __iomem *bar = pci_iomap(pdev, 0, 0);
	int ret;

	if (!bar)
		return -ENOMEM;
	ret = test_raise(pdev, bar);
	pci_iounmap(pdev, bar);
	return ret ? ret : count;
}
static DEVICE_ATTR_WO(raise);

static struct attribute *test_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_raise.attr,
	NULL
};
ATTRIBUTE_GROUPS(test);

static int test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	test_set_handlers(&test_driver);
	return pcim_enable_device(pdev);
}

static void test_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id test_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_ANY_ID, PCI_ANY_ID, PCI_ID_F_VFIO_DRIVER_OVERRIDE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, test_ids);

static struct pci_driver test_driver = {
	.name = "zpci_test_driver",
	.id_table = test_ids,
	.probe = test_probe,
	.remove = test_remove,
	.dev_groups = test_groups,
};
module_pci_driver(test_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI driver that answers errors as it is told");
