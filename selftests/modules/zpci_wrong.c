// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes, made on purpose: a log of the debug kernel without reports means something
 * only if the kernel does report each of these. No test loads this module by accident.
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *mistake = "";
module_param(mistake, charp, 0400);
MODULE_PARM_DESC(mistake, "lock-order, use-after-free or leak");

/* The order of these two stands for that of zpci_dev.state_lock and the locks in a Recovery. */
static DEFINE_MUTEX(wrong_outer);
static DEFINE_MUTEX(wrong_inner);

static void wrong_lock_order(void)
{
	mutex_lock(&wrong_outer);
	mutex_lock(&wrong_inner);
	mutex_unlock(&wrong_inner);
	mutex_unlock(&wrong_outer);

	mutex_lock(&wrong_inner);
	mutex_lock(&wrong_outer);
	mutex_unlock(&wrong_outer);
	mutex_unlock(&wrong_inner);
}

static int wrong_use_after_free(void)
{
	u8 *event = kzalloc(32, GFP_KERNEL);

	if (!event)
		return -ENOMEM;
	kfree(event);
	/* The compiler removes a read of memory that it knows to be freed. */
	OPTIMIZER_HIDE_VAR(event);
	READ_ONCE(event[30]);
	return 0;
}

static int wrong_leak(void)
{
	u8 *event;
	int i;

	/*
	 * The allocator keeps the addresses of objects that it had ready (its sheaves),
	 * and kmemleak takes those for references, so the first objects do not count as
	 * leaked.
	 */
	for (i = 0; i < 1000; i++) {
		event = kzalloc(32, GFP_KERNEL);
		if (!event)
			return -ENOMEM;
		/* The compiler removes an allocation that it knows to be unused. */
		OPTIMIZER_HIDE_VAR(event);
	}
	return 0;
}

static int __init wrong_init(void)
{
	if (!strcmp(mistake, "lock-order")) {
		wrong_lock_order();
		return 0;
	}
	if (!strcmp(mistake, "use-after-free"))
		return wrong_use_after_free();
	if (!strcmp(mistake, "leak"))
		return wrong_leak();
	return -EINVAL;
}
module_init(wrong_init);

static void __exit wrong_exit(void)
{
}
module_exit(wrong_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mistakes that a debug kernel must report");
