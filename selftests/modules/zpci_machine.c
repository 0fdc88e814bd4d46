// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in KVM's place on a kernel without KVM: vfio and zPCI find this module by the
 * names of KVM's symbols, and take its machine for a real one. The module runs no
 * guest.
 *
 * Parameters, in /sys/module/zpci_machine/parameters: a file descriptor of a group or a
 * device of vfio that is written to "add" belongs to the machine until it is written to
 * "del"; a device that is open stays the machine's until it is closed. Each
 * registration of a function disables and enables it, which takes "delay_ms", or fails
 * with the error code "refuse". "users" is the number of references to the machine.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio.h>

static int delay_ms;
module_param(delay_ms, int, 0600);
MODULE_PARM_DESC(delay_ms, "how long a registration takes while the function is disabled");

static int refuse;
module_param(refuse, int, 0600);
MODULE_PARM_DESC(refuse, "error code of registrations");

static int registered;
module_param(registered, int, 0400);
MODULE_PARM_DESC(registered, "functions that are registered");

static int unlocked;
module_param(unlocked, int, 0600);
MODULE_PARM_DESC(unlocked, "changes of a function without its lock");

static atomic_t users;

static int users_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&users));
}

static const struct kernel_param_ops users_ops = { .get = users_get };
module_param_cb(users, &users_ops, NULL, 0400);
MODULE_PARM_DESC(users, "references to the machine");

/* Only the address of this object is used. */
static struct kvm *machine;

static int set_machine(const char *value, struct kvm *kvm)
{
	struct file *file;
	int fd, ret;

	ret = kstrtoint(value, 0, &fd);
	if (ret)
		return ret;
	file = fget(fd);
	if (!file)
		return -EBADF;
	vfio_file_set_kvm(file, kvm);
	fput(file);
	return 0;
}

static int add_set(const char *value, const struct kernel_param *kp)
{
	return set_machine(value, machine);
}

static const struct kernel_param_ops add_ops = { .set = add_set };
module_param_cb(add, &add_ops, NULL, 0200);
MODULE_PARM_DESC(add, "file descriptor of a group or a device of vfio");

static int del_set(const char *value, const struct kernel_param *kp)
{
	return set_machine(value, NULL);
}

static const struct kernel_param_ops del_ops = { .set = del_set };
module_param_cb(del, &del_ops, NULL, 0200);
MODULE_PARM_DESC(del, "file descriptor that was added");

bool kvm_get_kvm_safe(struct kvm *kvm)
{
	atomic_inc(&users);
	return true;
}
EXPORT_SYMBOL_GPL(kvm_get_kvm_safe);

void kvm_put_kvm(struct kvm *kvm)
{
	atomic_dec(&users);
}
EXPORT_SYMBOL_GPL(kvm_put_kvm);

/*
 * Disables and enables the function as KVM does; KVM's setup of interruption forwarding
 * is left out.
 */
static int renew(struct zpci_dev *zdev)
{
	int ret;

	if (!mutex_is_locked(&zdev->state_lock))
		unlocked++;
	if (!zdev_enabled(zdev))
		return 0;
	ret = zpci_disable_device(zdev);
	if (ret)
		return ret;
	msleep(delay_ms);
	return zpci_reenable_device(zdev);
}

static int machine_register(void *opaque, struct kvm *kvm)
{
	int ret = refuse;

	if (!ret)
		ret = renew(opaque);
	if (!ret)
		registered++;
	return ret;
}

static void machine_unregister(void *opaque)
{
	registered--;
	/* Like KVM, leaves a function in error in that state. */
	renew(opaque);
}

static int __init machine_init(void)
{
	if (zpci_kvm_hook.kvm_register)
		return -EBUSY;
	machine = kzalloc_obj(*machine);
	if (!machine)
		return -ENOMEM;
	zpci_kvm_hook.kvm_register = machine_register;
	zpci_kvm_hook.kvm_unregister = machine_unregister;
	return 0;
}
module_init(machine_init);

static void __exit machine_exit(void)
{
	zpci_kvm_hook.kvm_register = NULL;
	zpci_kvm_hook.kvm_unregister = NULL;
	kfree(machine);
}
module_exit(machine_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A virtual machine without a guest, in KVM's place");
