#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# uapi_check.sh [HEADER]: compile the header of the error region in all ways that
# user space may: as C89, C11 and C++, for machines of 32 and 64 bits and of both
# byte orders. All offsets and sizes must be the same everywhere.

header=${1:-$(dirname "$0")/../vfio_pci_zdev/uapi/vfio_zdev_error.h}
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
cp "$header" "$work/vfio_zdev_error.h" || exit

# C89 has no static assertion; an array of negative length fails in its place.
cat >"$work/check.c" <<'END'
#include "vfio_zdev_error.h"

#define REGION		struct vfio_device_zpci_err_region
#define ASSERT(name, what)	typedef char name[(what) ? 1 : -1]
#define FIELD(field, offset, size) \
	ASSERT(offset_of_##field, __builtin_offsetof(REGION, field) == (offset)); \
	ASSERT(size_of_##field, sizeof(((REGION *)0)->field) == (size))

FIELD(pec, 0, 2);
FIELD(flags, 2, 2);
FIELD(pending_errors, 4, 4);
FIELD(length, 8, 4);
FIELD(dropped, 12, 4);
FIELD(sequence, 16, 8);
FIELD(timestamp, 24, 8);
FIELD(ccdf, 32, 32);
ASSERT(total_size, sizeof(REGION) == 64);
ASSERT(alignment, __alignof__(REGION) == 8);
ASSERT(flags_are_bits, VFIO_ZPCI_ERR_PRESENT == 1 && VFIO_ZPCI_ERR_PERMANENT == 2 &&
       VFIO_ZPCI_ERR_HOST_RECOVERED == 4 && VFIO_ZPCI_ERR_STALE == 8 &&
       VFIO_ZPCI_ERR_UNATTENDED == 16);
ASSERT(vendor, VFIO_ZPCI_ERROR_REGION_VENDOR == 0x1014);
ASSERT(subtype, VFIO_REGION_SUBTYPE_IBM_ZPCI_ERROR_REGION == 2);

#define STATUS(field, offset) \
	ASSERT(status_##field, \
	       __builtin_offsetof(struct vfio_device_zpci_err_status, field) == (offset))

STATUS(count, 0);
STATUS(length, 4);
STATUS(generation, 8);
STATUS(pending, 16);
STATUS(dropped, 20);
STATUS(newest, 24);
ASSERT(status_size, sizeof(struct vfio_device_zpci_err_status) == 88);
ASSERT(status_page, VFIO_ZPCI_ERROR_REGION_STATUS == 4096);
END
cp "$work/check.c" "$work/check.cc"
# Several files of a program may include the header.
printf '#include "vfio_zdev_error.h"\n#include "check.c"\n' >"$work/twice.c"

# The types have the same sizes on all machines, so this machine's headers serve for
# all.
multiarch=$(gcc -print-multiarch 2>/dev/null)
failed=0

compile() {
	if ! "$@" -fsyntax-only -Wall -Wextra -Werror -I"$work" \
		-isystem /usr/include ${multiarch:+-isystem "/usr/include/$multiarch"}; then
		echo "failed: $*"
		failed=1
	fi
}

for target in x86_64-linux-gnu i386-linux-gnu arm-linux-gnueabihf armeb-linux-gnueabihf \
	aarch64-linux-gnu s390x-linux-gnu powerpc-linux-gnu mips-linux-gnu riscv32-linux-gnu; do
	for std in c89 c11; do
		compile clang --target=$target -std=$std -pedantic \
			-Wno-unused-local-typedef "$work/check.c"
	done
	compile clang --target=$target -std=c11 "$work/twice.c"
	for std in c++98 c++20; do
		compile clang++ --target=$target -std=$std -Wno-unused-local-typedef \
			"$work/check.cc"
	done
done
for std in c89 c11; do
	compile gcc -std=$std -pedantic "$work/check.c"
	! command -v s390x-linux-gnu-gcc >/dev/null ||
		compile s390x-linux-gnu-gcc -std=$std -pedantic "$work/check.c"
done
# Checks the check: a header with a moved field must fail.
sed 's/__u32 length;/__u64 length;/' "$header" >"$work/vfio_zdev_error.h"
if clang -fsyntax-only -I"$work" "$work/check.c" 2>/dev/null; then
	echo "failed: a moved field was not noticed"
	failed=1
fi
[ "$failed" = 0 ] && echo "uapi_check: the header is the same for everybody"
