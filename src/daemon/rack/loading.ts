// Keeps the leases of machines that load from this rack (`loading-leases.ts`): recognises them by
// the events of TFTP and HTTP.

import { mayRunOn } from '../../dhcp/answers/running-on.ts';
import type { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { LoadingLeases, type VisitLoading } from '../../dhcp/leases/loading-leases.ts';
import type { DhcpServer } from '../../dhcp/server.ts';
import type { Clock } from '../../ground/clock.ts';
import type { RackEvent } from '../../ground/event.ts';
import type { HttpEvent, HttpEventKind } from '../../http/events.ts';
import { FILE_SENT_KINDS } from '../../observe/protocol-events.ts';

/**
 * Events of a machine that the region answered, with the paths that only a booting or working
 * machine reads and posts to.
 */
const REGION_PATHS: ReadonlyMap<string, RegExp> = new Map<HttpEventKind, RegExp>([
  ['http.forwarded', /^\/MAAS\/(?:metadata|rackboot)\//],
  ['http.posted', /^\/MAAS\/(?:metadata|rackboot|api)\//],
]);

interface LoadingDeps {
  readonly clock: Clock;
  readonly table: LeaseTable;
  readonly dhcp: Pick<DhcpServer, 'state' | 'adopt'>;
  /** The servers that machines load files from. */
  readonly servers: () => readonly { readonly visitLoading: (visit: VisitLoading) => number }[];
}

/** The leases of loading machines, updated from the servers' events. */
export class Loading extends LoadingLeases {
  constructor({ clock, table, dhcp, servers }: LoadingDeps) {
    super({
      clock,
      leases: table,
      visitLoading: (visit) => servers().reduce((count, server) => count + server.visitLoading(visit), 0),
      mayExtend: (lease, now) => mayRunOn(lease, dhcp.state(), now),
      store: (leases) => void dhcp.adopt(leases),
    });
  }

  /** Takes an event of a server. */
  note(event: RackEvent): void {
    const { address, at } = event;
    if (address !== undefined && (FILE_SENT_KINDS.has(event.kind) || isBootRequest(event))) this.heard(address, at);
  }
}

const isRegionEvent = (event: RackEvent): event is HttpEvent => REGION_PATHS.has(event.kind);

function isBootRequest(event: RackEvent): boolean {
  if (!isRegionEvent(event)) return false;
  const { kind, file = '', status = 0 } = event;
  return status >= 200 && status < 300 && REGION_PATHS.get(kind)?.test(file) === true;
}
