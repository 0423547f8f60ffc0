// The leases of hosts that are no machines, as far as the region knows them: by the reports of racks.

import { type Ipv4, type MacAddress, parseIpv4 } from '../../../ground/address.ts';
import type { Region } from '../../region.ts';
import { readField } from './discovery-operations.ts';

/** The latest of them are read. */
const LEASES_MAX = 16_384;
/** A lease without a report is older than this, or its rack is away. */
const LEASES_WITHIN_MS = 30 * 86_400_000;

export interface RunningLease {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  /** As the host calls itself; empty: it does not. */
  readonly hostname: string;
  /** Wall time in milliseconds. */
  readonly endsMs: number;
}

/** The leases of hosts that are not machines. */
export async function runningLeases({ store, clock }: Region): Promise<readonly RunningLease[]> {
  const nowMs = clock.wallTimeMs();
  return (await store.listLeases(nowMs - LEASES_WITHIN_MS, LEASES_MAX)).flatMap((host): readonly RunningLease[] => {
    const { mac, event } = host;
    const address = parseIpv4(readField(host, 'address'));
    const seconds = event.code === 'dhcp.ack' ? (event.params.leaseSeconds ?? 0) : 0;
    const endsMs = event.atMs + seconds * 1000;
    return address === undefined || endsMs <= nowMs
      ? []
      : [{ address, mac, hostname: readField(host, 'hostname'), endsMs }];
  });
}
