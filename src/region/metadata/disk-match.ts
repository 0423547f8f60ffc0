// How an installer finds the disk that a person chose. A kernel may name disks differently at each boot, and the wrong one would be
// overwritten.
//
// Sources: udev's 60-persistent-storage.rules (the contents of ID_SERIAL), Ubuntu's autoinstall reference (`match`: `serial` is a shell
// pattern for ID_SERIAL).
//
// 1. ID_SERIAL is the serial number for virtio, and model and serial number for NVMe and ATA. It differs for SCSI, so SCSI disks are
//    matched by name.
// 2. A pattern that also matches another disk in the inventory is not used.

import type { Machine } from '../records/machine.ts';

/** A serial number without pattern characters, and long enough to be unique. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{6,64}$/;

type DiskChoice = Pick<Machine, 'work'> & { readonly facts?: Pick<NonNullable<Machine['facts']>, 'disks'> | undefined };

/** The serial-number pattern of the chosen disk; empty if none is chosen, or only its name identifies it. */
export function serialPattern({ work, facts }: DiskChoice): string {
  const disks = facts?.disks ?? [];
  const chosen = disks.find(({ name }) => name === work?.disk);
  if (chosen === undefined || !PLAIN_SERIAL.test(chosen.serial)) return '';
  const { serial, bus } = chosen;
  if (disks.some((disk) => disk !== chosen && `${disk.model}_${disk.serial}`.includes(serial))) return '';
  if (bus === 'virtio') return serial;
  return bus === 'nvme' || bus === 'ata' ? `*_${serial}*` : '';
}
