// Changes of the leases at an operator's command: leases of another server are imported, a lease
// ends, an address that was set aside returns to its range. A change resolves when it is on disk.

import { givenBack } from '../../dhcp/answers/give-back.ts';
import type { DhcpEvent } from '../../dhcp/events/events.ts';
import type { ImportFacts } from '../../dhcp/import/lease-import.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { isActive, isHeld, type LeaseTable } from '../../dhcp/leases/lease-table.ts';
import type { SettledJournal } from '../../dhcp/leases/settled-journal.ts';
import type { DhcpConfig } from '../../dhcp/networks/config.ts';
import { indexSubnets } from '../../dhcp/networks/subnet.ts';
import type { DhcpServer } from '../../dhcp/server.ts';
import { formatIpv4, type Ipv4 } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { Publish } from '../../ground/event.ts';
import type { LeaseChange, TaskAnswer } from '../../region/records/rack-request.ts';

interface LeaseCommandDeps {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly table: Pick<LeaseTable, 'find'>;
  readonly journal: Pick<SettledJournal, 'settled'>;
  readonly dhcp: Pick<DhcpServer, 'adopt' | 'state'>;
  readonly config: () => DhcpConfig;
  readonly isDraining: () => boolean;
  /** Called with imported leases once they are on disk. */
  readonly onImported?: ((leases: readonly Lease[]) => void) | undefined;
}

/** The commands that change leases. */
export class LeaseCommands {
  readonly #deps: LeaseCommandDeps;

  constructor(deps: LeaseCommandDeps) {
    this.#deps = deps;
  }

  /**
   * The facts that decide whether a lease of another server is imported: every configured network,
   * served now or not.
   */
  getImportFacts(): ImportFacts {
    const { dhcp, config } = this.#deps;
    return { ...dhcp.state(), subnets: indexSubnets(config(), undefined) };
  }

  /**
   * Imports leases of another server; resolves when they are on disk.
   * @throws RackError `store-unavailable`
   */
  async adopt(leases: readonly Lease[]): Promise<void> {
    await this.#store(leases);
    const event: DhcpEvent = { kind: 'dhcp.imported', at: this.#deps.clock.now(), imported: leases.length };
    this.#deps.publish(event);
    this.#deps.onImported?.(leases);
  }

  /**
   * Ends a running lease as a RELEASE does; resolves when that is on disk.
   * @throws RackError `not-found`, `store-unavailable`
   */
  async end(address: Ipv4): Promise<Lease> {
    const now = this.#deps.clock.now();
    const lease = this.#deps.table.find(address);
    if (!isActive(lease, now)) throw absentLeaseError(address, 'has no running lease');
    await this.#store([givenBack(lease, now)]);
    const event: DhcpEvent = { kind: 'dhcp.ended', at: now, address, mac: lease.mac, hostname: lease.hostname };
    this.#deps.publish(event);
    return lease;
  }

  /**
   * Returns an address that was set aside to its range; resolves when that is on disk.
   * @throws RackError as `end`
   */
  async clear(address: Ipv4): Promise<Lease> {
    const lease = this.#deps.table.find(address);
    const now = this.#deps.clock.now();
    if (!isHeld(lease, now) || lease.state !== 'declined')
      throw absentLeaseError(address, 'is not set aside', 'declined');
    await this.#store([givenBack(lease, now)]);
    const event: DhcpEvent = { kind: 'dhcp.cleared', at: now, address };
    this.#deps.publish(event);
    return lease;
  }

  /** Makes a change that the region asks for, and says how that went. */
  async applyChange({ kind, address }: LeaseChange): Promise<TaskAnswer> {
    try {
      await this[kind](address);
      return { outcome: 'done' };
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return { outcome: error.code === 'not-found' ? 'absent' : 'unwritten' };
    }
  }

  async #store(leases: readonly Lease[]): Promise<void> {
    const { dhcp, journal, isDraining } = this.#deps;
    const sequence = isDraining() ? undefined : dhcp.adopt(leases);
    if (sequence === undefined || !(await journal.settled(sequence)))
      throw new RackError('store-unavailable', 'leases cannot be written now; see rackboot status, and try again');
  }
}

/**
 * Builds the refusal, which names the command that lists the acceptable leases.
 * @param problem what is wrong, after the address: `has no running lease`
 * @param state of the leases to list; `undefined` for every state
 */
function absentLeaseError(address: Ipv4, problem: string, state?: string): RackError {
  const flag = state === undefined ? '' : ` --state ${state}`;
  return new RackError('not-found', `${formatIpv4(address)} ${problem}: see \`rackboot leases list${flag}\``);
}
