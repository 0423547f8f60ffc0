// The drivers in the ephemeral environment: enough for a machine to find its network, its disks and its BMC.
//
// 1. Every Ethernet driver is included: without one, a machine cannot even report that.
// 2. Disk drivers are for controllers from which servers boot, without fibre channel, tape and
//    optical drives.
// 3. A driver that needs firmware comes only with it, from a package of the operator.
// 4. A kernel may lack a chosen module: names differ between architectures and releases.

/** Directories below `kernel/` whose modules are all included. */
export const MODULE_DIRECTORIES: readonly string[] = [
  'drivers/net/ethernet',
  'drivers/net/phy',
  'drivers/net/mdio',
  'drivers/net/pcs',
  'drivers/net/vmxnet3',
  'drivers/net/hyperv',
  'drivers/ata',
  'drivers/nvme/host',
];

/**
 * Excluded parts of MODULE_DIRECTORIES: drivers of other media, and large drivers that no netbooted
 * server needs.
 */
export const EXCLUDED_MODULE_DIRECTORIES: readonly string[] = [
  'drivers/net/ethernet/mellanox/mlxsw',
  'drivers/net/ethernet/netronome',
  'drivers/net/ethernet/chelsio/cxgb',
  'drivers/net/ethernet/chelsio/cxgb3',
  'drivers/net/ethernet/qlogic/netxen',
  'drivers/net/ethernet/qlogic/qlcnic',
  'drivers/net/ethernet/sfc/falcon',
  'drivers/net/ethernet/sfc/siena',
  'drivers/ata/pata_legacy',
  'drivers/nvme/host/nvme-fc',
  'drivers/nvme/host/nvme-rdma',
];

const DISK_NAMES: readonly string[] = [
  // Buses of virtual machines, and their devices.
  'virtio_pci',
  'virtio_mmio',
  'virtio_blk',
  'virtio_scsi',
  'virtio_rng',
  'hv_vmbus',
  'hv_storvsc',
  'hv_utils',
  'xen_blkfront',
  'vmw_pvscsi',
  // Disk controllers.
  'sd_mod',
  'sg',
  'vmd',
  'hpsa',
  'smartpqi',
  'aacraid',
  'arcmsr',
  'mpi3mr',
  'mpt3sas',
  'mptsas',
  'mptspi',
  'megaraid_sas',
  'megaraid_mbox',
  '3w_9xxx',
  '3w_sas',
  'isci',
  'mvsas',
  'pm80xx',
  'ips',
  'ipr',
  'mvumi',
  'sym53c8xx',
  'BusLogic',
  'hisi_sas_v3_hw',
  'mmc_block',
  'sdhci_pci',
  'sdhci_acpi',
  'sdhci_iproc',
  'dw_mmc_pltfm',
  'usb_storage',
  'uas',
];

const BMC_NAMES: readonly string[] = ['ipmi_si', 'ipmi_ssif', 'ipmi_devintf', 'ipmi_msghandler'];

export const MODULE_NAMES: readonly string[] = [
  ...DISK_NAMES,
  ...BMC_NAMES,
  // Network interfaces of virtual machines.
  'virtio_net',
  'xen_netfront',
  // USB: network adapters, keyboards.
  'xhci_pci',
  'xhci_plat_hcd',
  'ehci_pci',
  'ehci_platform',
  'ohci_pci',
  'uhci_hcd',
  'r8152',
  'ax88179_178a',
  'asix',
  'smsc95xx',
  'smsc75xx',
  'lan78xx',
  'cdc_ether',
  'cdc_ncm',
  'rndis_host',
  'usbhid',
  'hid_generic',
  // Buses and clocks that platform devices of arm64 need.
  'pcie_brcmstb',
  'pcie_rockchip_host',
  'phy_generic',
  'gpio_regulator',
  'fixed',
  // File systems, with the character sets and checksums that they load by name.
  'ext4',
  'vfat',
  'xfs',
  'btrfs',
  'isofs',
  'squashfs',
  'overlay',
  'loop',
  'efivarfs',
  'nls_cp437',
  'nls_ascii',
  'nls_iso8859_1',
  // Volumes and RAIDs of laid-out disks.
  'dm_mod',
  'md_mod',
  'raid1',
  'crc32c_generic',
  'crc32c_intel',
  'crct10dif_generic',
  'crct10dif_pclmul',
];

/** Modules that are useless without the firmware they name. */
export const MODULES_NEEDING_FIRMWARE: readonly string[] = [
  'bna',
  'bnx2',
  'bnx2x',
  'liquidio',
  'liquidio_vf',
  'qed',
  'qede',
  'slicoss',
];

/** Drivers for disks and BMC that Debian's installer lacks at its start. */
export const INSTALLER_DIRECTORIES: readonly string[] = ['drivers/ata', 'drivers/nvme/host'];
export const INSTALLER_NAMES: readonly string[] = [...DISK_NAMES, ...BMC_NAMES];
