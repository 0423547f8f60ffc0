// Which drivers the ephemeral environment carries: enough that a machine finds its network, its disks and its BMC.
//
// 1. Every Ethernet driver is in: a machine whose interface has no driver cannot even say so to its region.
// 2. Of disks, the controllers that servers boot from; fibre channel, tape and optical drives are left out for their size.
// 3. A driver that does nothing without firmware comes only with its firmware, from a firmware package that the operator gives.
// 4. A choice that a kernel does not have is no error: names differ between architectures and releases.

/** Directories below `kernel/` of which every module is taken. */
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

/** Of those directories, what is left out: for other media, or large and never in a server that boots from the network. */
export const MODULE_DIRECTORIES_WITHOUT: readonly string[] = [
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

/** Buses of virtual machines with their devices, and disk controllers, by name. */
const DISK_NAMES: readonly string[] = [
  // Buses of virtual machines, and their devices.
  ...['virtio_pci', 'virtio_mmio', 'virtio_blk', 'virtio_scsi', 'virtio_rng'],
  ...['hv_vmbus', 'hv_storvsc', 'hv_utils', 'xen_blkfront', 'vmw_pvscsi'],
  // Disk controllers.
  ...['sd_mod', 'sg', 'vmd', 'hpsa', 'smartpqi', 'aacraid', 'arcmsr', 'mpi3mr', 'mpt3sas', 'mptsas', 'mptspi'],
  ...[
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
  ],
  ...['BusLogic', 'hisi_sas_v3_hw'],
  ...['mmc_block', 'sdhci_pci', 'sdhci_acpi', 'sdhci_iproc', 'dw_mmc_pltfm'],
  ...['usb_storage', 'uas'],
];

/** The ways to the BMC of this machine. */
const BMC_NAMES: readonly string[] = ['ipmi_si', 'ipmi_ssif', 'ipmi_devintf', 'ipmi_msghandler'];

/** Single modules, by name. */
export const MODULE_NAMES: readonly string[] = [
  ...DISK_NAMES,
  ...BMC_NAMES,
  // Network interfaces of virtual machines.
  'virtio_net',
  'xen_netfront',
  // USB: network adapters, keyboards.
  ...['xhci_pci', 'xhci_plat_hcd', 'ehci_pci', 'ehci_platform', 'ohci_pci', 'uhci_hcd'],
  ...['r8152', 'ax88179_178a', 'asix', 'smsc95xx', 'smsc75xx', 'lan78xx', 'cdc_ether', 'cdc_ncm', 'rndis_host'],
  ...['usbhid', 'hid_generic'],
  // Buses and clocks that platform devices of arm64 wait for.
  ...['pcie_brcmstb', 'pcie_rockchip_host', 'phy_generic', 'gpio_regulator', 'fixed'],
  // File systems, with the character sets and checksums that they ask for by name.
  ...[
    'ext4',
    'vfat',
    'xfs',
    'isofs',
    'squashfs',
    'overlay',
    'loop',
    'efivarfs',
    'nls_cp437',
    'nls_ascii',
    'nls_iso8859_1',
  ],
  ...['crc32c_generic', 'crc32c_intel', 'crct10dif_generic', 'crct10dif_pclmul'],
];

/** Modules that are of no use unless the firmware they name is there. */
export const MODULES_WITH_FIRMWARE: readonly string[] = [
  'bna',
  'bnx2',
  'bnx2x',
  'liquidio',
  'liquidio_vf',
  'qed',
  'qede',
  'slicoss',
];

/** What Debian's installer lacks of a machine's hardware when it begins: its disks and its BMC. The directories, and by name. */
export const INSTALLER_DIRECTORIES: readonly string[] = ['drivers/ata', 'drivers/nvme/host'];
export const INSTALLER_NAMES: readonly string[] = [...DISK_NAMES, ...BMC_NAMES];
