// Which cluster interfaces can be served now, and why the others cannot; each change is reported once.

import type { ClusterInterface } from '../../config/rack-config.ts';
import type { LocalInterface } from '../../dhcp/networks/subnet.ts';
import { formatIpv4, formatNetwork, isLoopback } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { Publish } from '../../ground/event.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { noteText, type RackNote } from '../../region/reports/notes.ts';

export interface InterfaceState {
  readonly name: string;
  /** Empty for a relayed network. */
  readonly interface: string;
  readonly network: string;
  /** What DHCP does there: it gives addresses, only boot information, or nothing (management 0). */
  readonly mode: 'server' | 'proxy' | 'none';
  readonly serving: boolean;
  readonly reason: string;
  /** The reason as a note with its code; `undefined` if it is served. */
  readonly waits?: RackNote | undefined;
}

/** The state of each cluster interface, in their order. */
export function judgeInterfaces(
  configured: readonly ClusterInterface[],
  host: readonly HostInterface[],
): InterfaceState[] {
  return configured.map((entry) => {
    const waits = entry.interfaceName === undefined ? undefined : findWaitReason(entry.interfaceName, entry, host);
    return {
      name: entry.name,
      interface: entry.interfaceName ?? '',
      network: formatNetwork(entry.network),
      mode: entry.management === 0 ? 'none' : entry.proxy === true ? 'proxy' : 'server',
      serving: waits === undefined,
      reason: waits === undefined ? '' : noteText(waits),
      waits,
    };
  });
}

function findWaitReason(
  name: string,
  { name: network, ip }: Pick<ClusterInterface, 'name' | 'ip'>,
  host: readonly HostInterface[],
): RackNote | undefined {
  const hostInterface = host.find((candidate) => candidate.name === name);
  const addressHolder = host.find(({ addresses }) => addresses.some(({ address }) => address === ip));
  if (hostInterface === undefined && ip !== undefined && addressHolder !== undefined)
    return { note: 'interface-renamed', interface: name, ip: formatIpv4(ip), where: addressHolder.name, network };
  if (hostInterface === undefined) return { note: 'interface-absent', interface: name };
  if (!hostInterface.up) return { note: 'interface-down', interface: name };
  if (!hostInterface.carrier) return { note: 'interface-unlinked', interface: name };
  // Every address of 127.0.0.0/8 is local, configured or not.
  const isPresent = ip === undefined || isLoopback(ip) || hostInterface.addresses.some(({ address }) => address === ip);
  return isPresent ? undefined : { note: 'interface-unaddressed', interface: name, ip: formatIpv4(ip) };
}

/** Keeps the states, and publishes changes. */
export class InterfaceStates {
  readonly #publish: Publish;
  #states: readonly InterfaceState[] = [];

  constructor(publish: Publish) {
    this.#publish = publish;
  }

  /** The states at the last update, in the order of the configuration. */
  get states(): readonly InterfaceState[] {
    return this.#states;
  }

  update(configured: readonly ClusterInterface[], host: readonly HostInterface[], at: Instant): void {
    const states = judgeInterfaces(configured, host);
    for (const state of states) {
      const formerState = this.#states.find(({ name }) => name === state.name);
      if (state.interface === '' || (formerState?.serving === state.serving && formerState.reason === state.reason))
        continue;
      const eventFields = { at, interface: state.interface };
      const event: DaemonEvent =
        state.waits === undefined
          ? { kind: 'interface.serving', ...eventFields, network: state.network }
          : { ...state.waits, kind: 'interface.waiting', ...eventFields, reason: state.reason };
      this.#publish(event);
    }
    this.#states = states;
  }
}

/** The host's interfaces in DHCP's form. Every address of 127.0.0.0/8 is local though only one is listed. */
export function listLocalInterfaces(
  configured: readonly ClusterInterface[],
  host: readonly HostInterface[],
): readonly LocalInterface[] {
  return host.map((hostInterface) => {
    const { name, addresses, mac, up, carrier } = hostInterface;
    const loopbackAddresses = configured.flatMap((entry) =>
      entry.interfaceName === name && entry.ip !== undefined && isLoopback(entry.ip) ? [{ address: entry.ip }] : [],
    );
    const hasLink = up && carrier && mac !== undefined && mac !== 0;
    return { ...hostInterface, addresses: [...addresses, ...loopbackAddresses], mac: hasLink ? mac : undefined };
  });
}
