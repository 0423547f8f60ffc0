// What a rack reports of the boots of a UEFI machine, for tests of the pictures of boots.

import type { RackReport } from '../../../src/region/records/machine-event.ts';
import type { RackFields } from '../../../src/region/reports/reported.ts';

type Step = readonly [seconds: number, kind: string, fields: RackFields];

const LOADER = 'bootx64.efi';
const IMAGE = 'amd64/generic/trixie/ephemeral';

/** Until the loader has its configuration. */
const BEGINNING: readonly Step[] = [
  [0, 'dhcp.offer', { client: 'uefi', architecture: 7, file: LOADER, source: 'unused', waitedSeconds: 4 }],
  [1.1, 'dhcp.ack', { leaseSeconds: 600 }],
  [1.2, 'tftp.probed', { file: LOADER }],
  [1.9, 'tftp.sent', { file: LOADER, bytes: 958_464, milliseconds: 640, blockBytes: 1468, windowBlocks: 4 }],
  [
    2.6,
    'tftp.sent',
    { file: 'grubx64.efi', bytes: 2_643_968, milliseconds: 590, blockBytes: 1468, repeatedBlocks: 12 },
  ],
  [3.0, 'tftp.missing', { file: 'grub/x86_64-efi/command.lst', reason: 'not-in-tree' }],
  [3.1, 'tftp.missing', { file: 'grub/x86_64-efi/fs.lst', reason: 'not-in-tree' }],
  [3.2, 'tftp.sent', { file: 'grub/grub.cfg', bytes: 412, milliseconds: 3, purpose: 'chain' }],
  [
    3.3,
    'tftp.sent',
    { file: 'grub/grub.cfg-52:54:00:00:00:01', bytes: 930, milliseconds: 4, purpose: 'commissioning' },
  ],
];

export const GOOD_BOOT: readonly Step[] = [
  ...BEGINNING,
  [4.4, 'http.file-sent', { file: `${IMAGE}/boot-kernel`, status: 200, bytes: 12_345_678, milliseconds: 1040 }],
  [7.9, 'http.file-sent', { file: `${IMAGE}/boot-initrd`, status: 200, bytes: 48_765_432, milliseconds: 3400 }],
  [14, 'dhcp.offer', { source: 'own' }],
  [14.1, 'dhcp.ack', { leaseSeconds: 600, renewal: false }],
  [15, 'http.forwarded', { file: '/MAAS/rackboot/1/job', status: 200, milliseconds: 31 }],
  [16, 'http.posted', { file: '/MAAS/rackboot/1/signal', status: 200, milliseconds: 12 }],
  [22, 'http.posted', { file: '/MAAS/rackboot/1/signal', status: 200, milliseconds: 14 }],
];

/** The kernel stops arriving, and the rack says what that means. */
export const STALLED_BOOT: readonly Step[] = [
  ...BEGINNING,
  [9.3, 'http.stalled', { file: `${IMAGE}/boot-kernel`, bytes: 5_111_808, milliseconds: 5900 }],
  [21, 'http.timed-out', { file: `${IMAGE}/boot-kernel`, bytes: 5_111_808 }],
  [21, 'boot.hint', { hint: 'transfer-stalled', file: `${IMAGE}/boot-kernel` }],
];

/** The reports of a boot. @param first the sequence of its first report */
export const bootReports = (
  boot: readonly Step[],
  startMs: number,
  first: number,
  mac: string,
): readonly RackReport[] =>
  boot.map(([seconds, kind, params], index) => ({
    sequence: first + index,
    kind,
    at: startMs + seconds * 1000,
    mac,
    address: '10.20.0.100',
    text: kind,
    params,
    level: kind === 'boot.hint' || kind.startsWith('http.s') || kind === 'http.timed-out' ? 'warning' : 'info',
  }));
