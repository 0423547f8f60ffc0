// Decides which leases of another server are imported. Pure. The running rack and the command for a
// stopped rack's file both use it.
//
// 1. Each is judged as if those accepted before were stored: of one client's leases, the newest counts.
// 2. All are judged at one moment.

import type { Ipv4, Ipv4Network, Ipv4Range, MacAddress } from '../../ground/address.ts';
import { networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { RangeUsage } from '../leases/address-pool.ts';
import { identityIn } from '../leases/allocate.ts';
import type { Lease } from '../leases/lease.ts';
import type { LeaseView } from '../leases/lease-table.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import { findServedSubnet } from '../networks/subnet.ts';
import type { ForeignLease } from './foreign-lease.ts';
import { type ImportFacts, type ImportMoment, type ImportRefusal, judgeImport } from './lease-import.ts';

interface BatchVerdict {
  readonly taken: readonly Lease[];
  /** The refused, by line, in order. */
  readonly left: readonly { readonly line: number; readonly reason: ImportRefusal }[];
}

/** Changes nothing. */
export function judgeBatch(batch: readonly ForeignLease[], facts: ImportFacts, moment: ImportMoment): BatchVerdict {
  const leases = new WithTaken(facts.leases);
  const taken: Lease[] = [];
  const left: { line: number; reason: ImportRefusal }[] = [];
  for (const foreign of batch) {
    const verdict = judgeImport(foreign, { ...facts, leases }, moment);
    if (verdict.kind === 'leave') left.push({ line: foreign.line, reason: verdict.reason });
    else {
      const served = findServedSubnet(facts.subnets.served, verdict.lease.address);
      taken.push(verdict.lease);
      leases.take(verdict.lease, served && identityIn(served, verdict.lease));
    }
  }
  return { taken, left };
}

/** The existing leases and those about to be taken. */
class WithTaken implements LeaseView {
  readonly #leases: LeaseView;
  readonly #taken = new Map<Ipv4, Lease>();
  readonly #byClient = new Map<ClientIdentity, Lease[]>();

  constructor(leases: LeaseView) {
    this.#leases = leases;
  }

  take(lease: Lease, client: ClientIdentity | undefined): void {
    this.#taken.set(lease.address, lease);
    if (client === undefined || lease.state === 'declined') return;
    const clientLeases = this.#byClient.get(client);
    if (clientLeases === undefined) this.#byClient.set(client, [lease]);
    else clientLeases.push(lease);
  }

  find(address: Ipv4): Lease | undefined {
    return this.#taken.get(address) ?? this.#leases.find(address);
  }

  findByClient(client: ClientIdentity, network: Ipv4Network): Lease | undefined {
    let newest = this.#leases.findByClient(client, network);
    for (const lease of this.#byClient.get(client) ?? []) {
      if (!networkContains(network, lease.address)) continue;
      if (newest === undefined || lease.grantedAt >= newest.grantedAt) newest = lease;
    }
    return newest;
  }

  findAllByClient(client: ClientIdentity): readonly Lease[] {
    return [...this.#leases.findAllByClient(client), ...(this.#byClient.get(client) ?? [])];
  }

  findAllByMac(mac: MacAddress): readonly Lease[] {
    return [...this.#leases.findAllByMac(mac), ...[...this.#taken.values()].filter((lease) => lease.mac === mac)];
  }

  findUnused(range: Ipv4Range, offset: number): Ipv4 | undefined {
    return this.#leases.findUnused(range, offset);
  }

  findEnded(range: Ipv4Range, now: Instant): Ipv4 | undefined {
    return this.#leases.findEnded(range, now);
  }

  findAllEnded(range: Ipv4Range, now: Instant, count: number): readonly Ipv4[] {
    return this.#leases.findAllEnded(range, now, count);
  }

  isFree(address: Ipv4): boolean {
    return !this.#taken.has(address) && this.#leases.isFree(address);
  }

  usageOf(range: Ipv4Range): RangeUsage | undefined {
    return this.#leases.usageOf(range);
  }
}
