// Attributes events to machines: an event that knows only an IP address gets the hardware address
// that leases it at that moment. So a machine's timeline also has its requests to the region, and
// files that were served without looking up the machine.
//
// 1. Only a lease of this rack binds an address to a machine; an event about any other address
//    stays unchanged.

import type { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import type { Publish } from '../../ground/event.ts';

/**
 * Publishes each event; an event without a hardware address gets that of the bound lease of its IP
 * address, if there is one.
 */
export function attributeEvents(leases: Pick<LeaseTable, 'find'>, publish: Publish): Publish {
  return (event) => {
    const lease = event.mac !== undefined || event.address === undefined ? undefined : leases.find(event.address);
    publish(lease?.state === 'bound' ? { ...event, mac: lease.mac } : event);
  };
}
