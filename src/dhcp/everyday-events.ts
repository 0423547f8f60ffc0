// Which events of DHCP are everyday: with these a lease comes, goes on and ends, and there may be any number of them.

import type { RackEvent } from '../event.ts';
import type { DhcpEvent, DhcpEventKind } from './events.ts';

const EVERYDAY_KINDS: ReadonlySet<string> = new Set<DhcpEventKind>([
  'dhcp.offer',
  'dhcp.ack',
  'dhcp.expired',
  'dhcp.release',
]);

/** True for what a lease comes, goes on and ends with. */
export const isEveryday = (event: RackEvent): event is DhcpEvent => EVERYDAY_KINDS.has(event.kind);

/** The same of a host that does not boot: there may be any number of these. */
export const isOfBystander = (event: RackEvent): boolean => isEveryday(event) && event.client === undefined;
