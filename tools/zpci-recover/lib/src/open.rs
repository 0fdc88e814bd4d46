// SPDX-License-Identifier: MIT OR Apache-2.0

//! Opens a function: by its group, or by its own device node with iommufd.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::io::Errno;

use crate::{
    dma::Iommu,
    error::{Context, Result},
    sys, sysfs, Address, Error,
};

const CONTAINER: &str = "/dev/vfio/vfio";
const IOMMUFD: &str = "/dev/iommu";

/// The two ways to open a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Via {
    /// By the function's own node, with iommufd.
    Iommufd,
    /// By the node of the function's group, with a type 1 container.
    Group,
}

/// The descriptors of an open function, in the order in which they must be closed.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) device: OwnedFd,
    pub(crate) group: Option<OwnedFd>,
    pub(crate) iommu: Iommu,
}

/// Checks the function's driver, so that the error says why the function cannot be opened.
fn check_driver(address: Address) -> Result<()> {
    if !sysfs::exists(address) {
        return Err(Error::NoSuchFunction(address.to_string()));
    }
    let address_text = address.to_string();
    match sysfs::driver(address) {
        None => Err(Error::NoDriver(address_text)),
        // Variants of vfio-pci have other names, but their functions have a device node, too.
        Some(_) if sysfs::device_node(address).is_some() => Ok(()),
        Some(driver) if driver.contains("vfio") => Ok(()),
        Some(driver) => Err(Error::OtherDriver {
            address: address_text,
            driver,
        }),
    }
}

fn in_use(address: Address, node: &Path) -> Error {
    Error::InUse {
        address: address.to_string(),
        node: node.to_owned(),
    }
}

fn open_node(path: &Path, address: Address) -> Result<OwnedFd> {
    match File::options().read(true).write(true).open(path) {
        Ok(file) => Ok(file.into()),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::BUSY) => Err(in_use(address, path)),
            Some(Errno::ACCESS | Errno::PERM) => Err(Error::NoPermission(path.to_owned())),
            _ => Err(Error::Open {
                path: path.to_owned(),
                error,
            }),
        },
    }
}

fn open_by_group(address: Address) -> Result<Opened> {
    let node = sysfs::group_node(address).ok_or(Error::Unexpected("the function has no group"))?;
    let container = open_node(Path::new(CONTAINER), address)?;
    let group = open_node(&node, address)?;

    if !sys::group_is_viable(group.as_fd()).context("cannot ask for the state of the group")? {
        return Err(Error::Unexpected(
            "not all functions of the group belong to vfio",
        ));
    }
    sys::group_set_container(group.as_fd(), container.as_fd())
        .context("cannot put the group into a container")?;
    sys::container_set_type1(container.as_fd()).context("cannot use the type 1 translation")?;
    let device = sys::group_device(group.as_fd(), &address.to_string())
        .context("cannot get the function from its group")?;

    Ok(Opened {
        device,
        group: Some(group),
        iommu: Iommu::Container(container),
    })
}

fn open_by_node(address: Address, node: &Path) -> Result<Opened> {
    let iommufd = open_node(Path::new(IOMMUFD), address)?;
    let device = open_node(node, address)?;

    match sys::bind_iommufd(device.as_fd(), iommufd.as_fd()) {
        // If another process has the function, the node can be opened, but not bound again.
        Err(Errno::INVAL | Errno::BUSY) => return Err(in_use(address, node)),
        result => result.context("cannot bind the function to iommufd")?,
    }
    let ioas = sys::alloc_ioas(iommufd.as_fd()).context("cannot make an I/O address space")?;
    sys::attach_ioas(device.as_fd(), ioas).context("cannot attach the I/O address space")?;

    Ok(Opened {
        device,
        group: None,
        iommu: Iommu::Iommufd { fd: iommufd, ioas },
    })
}

/// Returns the way that this kernel has.
pub(crate) fn way(address: Address) -> Result<Via> {
    check_driver(address)?;
    if sysfs::device_node(address).is_some() && Path::new(IOMMUFD).exists() {
        Ok(Via::Iommufd)
    } else {
        Ok(Via::Group)
    }
}

pub(crate) fn open(address: Address, via: Via) -> Result<Opened> {
    check_driver(address)?;
    match (via, sysfs::device_node(address)) {
        (Via::Group, _) => open_by_group(address),
        (Via::Iommufd, Some(node)) => open_by_node(address, &node),
        (Via::Iommufd, None) => Err(Error::Unexpected("the function has no node of its own")),
    }
}
