// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes, made on purpose: that the debug kernel reports each of them is
 * what makes a quiet log of it mean something. Nothing loads this module by
 * itself.
 */
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *mistake = "";
module_param(mistake, charp, 0400);
MODULE_PARM_DESC(mistake, "lock-order, use-after-free or leak");

/* As zpci_dev.state_lock, and the locks of what is kept of a function. */
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
	/* What the compiler knows to be freed it would not read. */
	OPTIMIZER_HIDE_VAR(event);
	READ_ONCE(event[30]);
	return 0;
}

static int wrong_leak(void)
{
	u8 *event;
	int i;

	/*
	 * Where the allocator had the last ones ready (its sheaves) it still has
	 * their addresses, and kmemleak takes those for references.
	 */
	for (i = 0; i < 1000; i++) {
		event = kzalloc(32, GFP_KERNEL);
		if (!event)
			return -ENOMEM;
		/* What nobody uses the compiler would not allocate. */
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
