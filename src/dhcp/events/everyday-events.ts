// The everyday DHCP events: a lease begins, is renewed or ends. There may be any number of them.

import type { RackEvent } from '../../ground/event.ts';
import type { DhcpEvent, DhcpEventKind } from './events.ts';

const EVERYDAY_KINDS: ReadonlySet<string> = new Set<DhcpEventKind>([
  'dhcp.offer',
  'dhcp.ack',
  'dhcp.expired',
  'dhcp.release',
]);

/** True for the events of a lease's ordinary life. */
export const isEveryday = (event: RackEvent): event is DhcpEvent => EVERYDAY_KINDS.has(event.kind);

/** True for an everyday event of a host that does not boot from the network. */
export const isOfBystander = (event: RackEvent): boolean => isEveryday(event) && event.client === undefined;
