// The parts of a rack in virtual time: a boot tree in memory, and a disk that is slow but reliable.

import type { LeaseJournal, LeaseJournalListener } from '../../src/dhcp/leases/lease-journal.ts';
import type { OpenedFile } from '../../src/files/opened-file.ts';
import type { Clock } from '../../src/ground/clock.ts';

const DISK_MS = 4;
const ENVIRONMENT = 'amd64/generic/bookworm/commissioning';

/** The files of a boot, with their sizes in bytes. */
export const bootFiles = (loader: number, kernel: number, initrd: number): ReadonlyMap<string, Buffer> =>
  new Map([
    ['lpxelinux.0', Buffer.alloc(loader, 'loader')],
    [`${ENVIRONMENT}/linux`, Buffer.alloc(kernel, 'kernel')],
    [`${ENVIRONMENT}/initrd.gz`, Buffer.alloc(initrd, 'initrd')],
  ]);

/** The configuration of a rack at 10.20.0.1 that gives addresses from 10.20.0.100 to 10.20.0.`last`. */
export const labConfig = (last: number): string => `
name: rack
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.${last} }
dns: { listen: [] }
`;

/** A tree in memory, with the read interface of the real one. */
export function memoryTree(files: ReadonlyMap<string, Buffer>) {
  return {
    open: async (path: string): Promise<OpenedFile | undefined> => {
      const bytes = files.get(path);
      return (
        bytes && {
          source: bytes,
          sizeBytes: bytes.length,
          modifiedMs: 0,
          etag: `"${path}"`,
          read: (offset, length) => bytes.subarray(offset, offset + length),
          close: () => undefined,
        }
      );
    },
    hasFile: (path: string) => files.has(path),
  };
}

/** A disk that takes a few milliseconds per record. */
export class SlowJournal implements LeaseJournal {
  readonly available = true;
  readonly freeRecords = Number.POSITIVE_INFINITY;
  #sequence = 0;
  #listener: LeaseJournalListener | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  append(): number {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#clock.schedule(DISK_MS, () => this.#listener?.onDurable(sequence));
    return sequence;
  }

  listen(listener: LeaseJournalListener): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {}
}
