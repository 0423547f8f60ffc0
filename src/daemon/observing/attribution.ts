// Whose address is it? Events that know an address only are given the hardware address that has its lease at that moment, so that
// a machine's timeline is whole: what it asks of the region, and files that nobody looked it up for.
//
// 1. Only a lease of this rack binds an address to a machine; an event about an address without one stays as it is.

import type { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import type { Publish } from '../../event.ts';

/** Publishes each event with the machine that it concerns, where the leases tell. */
export function attributeEvents(leases: Pick<LeaseTable, 'find'>, publish: Publish): Publish {
  return (event) => {
    const lease = event.mac !== undefined || event.address === undefined ? undefined : leases.find(event.address);
    publish(lease?.state === 'bound' ? { ...event, mac: lease.mac } : event);
  };
}
