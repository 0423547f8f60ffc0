// The pattern by which an installer finds the disk that a person chose.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialPattern } from '../../../src/region/metadata/machine-preseeds.ts';
import type { HardwareFacts } from '../../../src/region/records/hardware-facts.ts';

type Disk = HardwareFacts['disks'][number];
const disk = (name: string, bus: string, serial: string, model = 'QM'): Disk => ({
  name,
  bytes: 1e11,
  model,
  serial,
  rotational: false,
  bus,
  firmware: '',
});

const CASES: readonly (readonly [string, readonly Disk[], string | undefined, string])[] = [
  ['none was chosen', [disk('sda', 'ata', 'SERIAL1')], undefined, ''],
  ['one that was not reported', [disk('sda', 'ata', 'SERIAL1')], 'sdb', ''],
  ['ATA: model and serial number', [disk('sda', 'ata', 'SERIAL1'), disk('sdb', 'ata', 'SERIAL2')], 'sdb', '*_SERIAL2*'],
  ['NVMe: the same', [disk('nvme0n1', 'nvme', 'S59ANMFN')], 'nvme0n1', '*_S59ANMFN*'],
  ['virtio: the serial number itself', [disk('vda', 'virtio', 'SERIAL1')], 'vda', 'SERIAL1'],
  ['SCSI: udev has something else', [disk('sda', 'scsi', 'SERIAL1')], 'sda', ''],
  ['without a serial number', [disk('sda', 'ata', '')], 'sda', ''],
  ['a short one', [disk('sda', 'ata', 'S1')], 'sda', ''],
  ['one with what a pattern is made of', [disk('sda', 'ata', 'SERIAL*')], 'sda', ''],
  ['two with the same', [disk('sda', 'ata', 'SERIAL1'), disk('sdb', 'ata', 'SERIAL1')], 'sda', ''],
  ['part of another', [disk('sda', 'ata', 'SERIAL1'), disk('sdb', 'ata', 'SERIAL10')], 'sda', ''],
];

for (const [name, disks, chosen, expected] of CASES) {
  test(`${name}: ${expected === '' ? 'no pattern' : expected}`, () => {
    const work = { waitsForBoot: false, attempts: 0, before: 'ready', disk: chosen } as const;
    const facts: Pick<HardwareFacts, 'disks'> = { disks: [...disks] };
    assert.equal(serialPattern({ work, facts }), expected);
  });
}
