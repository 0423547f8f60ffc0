// How an installer recognises the disk that a person named: a kernel may number disks otherwise at each start, and another one would be
// overwritten.
//
// Sources: udev's 60-persistent-storage.rules (what ID_SERIAL is made of), Ubuntu's autoinstall reference (`match`: `serial` is a pattern
// of the shell for ID_SERIAL).
//
// 1. ID_SERIAL of a virtio disk is its serial number, of NVMe and ATA it is model and serial number, of SCSI something else: those keep
//    their name.
// 2. A pattern that another disk of the inventory fits is none.

import type { Machine } from '../records/machine.ts';

/** Holds nothing that a pattern would take for more than itself, and is long enough to be nobody else's. */
const PLAIN_SERIAL = /^[A-Za-z0-9._:+-]{6,64}$/;

/** The disk that was chosen, and those there are. */
type DiskChoice = Pick<Machine, 'work'> & { readonly facts?: Pick<NonNullable<Machine['facts']>, 'disks'> | undefined };

/** The pattern of the serial number of the machine's chosen disk; empty: none is chosen, or it can be told by its name only. */
export function serialPattern({ work, facts }: DiskChoice): string {
  const disks = facts?.disks ?? [];
  const chosen = disks.find(({ name }) => name === work?.disk);
  if (chosen === undefined || !PLAIN_SERIAL.test(chosen.serial)) return '';
  const { serial, bus } = chosen;
  if (disks.some((disk) => disk !== chosen && `${disk.model}_${disk.serial}`.includes(serial))) return '';
  if (bus === 'virtio') return serial;
  return bus === 'nvme' || bus === 'ata' ? `*_${serial}*` : '';
}
