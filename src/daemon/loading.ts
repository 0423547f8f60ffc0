// The leases of machines that load from this rack, by TFTP or HTTP, run on (`loading-leases.ts`): what of the servers tells so.

import type { Clock } from '../clock.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import type { LeaseTable } from '../dhcp/leases/lease-table.ts';
import { LoadingLeases, type VisitLoading } from '../dhcp/leases/loading-leases.ts';
import type { RackEvent } from '../event.ts';
import type { HttpEventKind } from '../http/events.ts';
import type { TftpEventKind } from '../tftp/events.ts';

/** With these a machine has taken an answer of this rack. */
const ANSWERED: ReadonlySet<string> = new Set<TftpEventKind | HttpEventKind>([
  'tftp.sent',
  'http.file-sent',
  'http.rendered',
  'http.probed',
  'http.posted',
  'http.forwarded',
]);

export interface LoadingParts {
  readonly clock: Clock;
  readonly table: LeaseTable;
  /** The servers that machines load from. */
  readonly servers: () => readonly { readonly visitLoading: (visit: VisitLoading) => number }[];
  readonly store: (leases: readonly Lease[]) => void;
}

/** The leases of machines that load, which the events of the servers feed. */
export class Loading extends LoadingLeases {
  constructor({ clock, table, servers, store }: LoadingParts) {
    const visitLoading = (visit: VisitLoading): number =>
      servers().reduce((count, server) => count + server.visitLoading(visit), 0);
    super({ clock, leases: table, visitLoading, store });
  }

  /** Takes note of what a server told. */
  note({ kind, address, at }: RackEvent): void {
    if (address !== undefined && ANSWERED.has(kind)) this.heard(address, at);
  }
}
