// What the control socket answers: the state of the running rack, for `rackboot status` and `rackboot leases`.

import type { Clock } from '../clock.ts';
import { isHeld } from '../dhcp/lease-table.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import type { InterfaceState } from './interface-states.ts';
import type { Rack } from './rack.ts';

export interface StatusSources {
  readonly name: () => string;
  readonly version: string;
  readonly startedWallMs: number;
  readonly clock: Clock;
  readonly rack: () => Rack | undefined;
  readonly uplink: () => unknown;
  readonly journal: () => unknown;
  readonly interfaces: () => readonly InterfaceState[];
  readonly notes: () => readonly string[];
}

/** The paths of the control socket, each with what answers it. */
export function controlAnswers(sources: StatusSources): Readonly<Record<string, () => unknown>> {
  return { '/status': () => status(sources), '/leases': () => leases(sources) };
}

function status(sources: StatusSources) {
  const rack = sources.rack();
  // Instants begin as wall time, and are not moved when the clock is set.
  const uptimeMs = sources.clock.now() - sources.startedWallMs;
  return {
    name: sources.name(),
    version: sources.version,
    pid: process.pid,
    startedAt: new Date(sources.clock.wallTimeMs() - uptimeMs).toISOString(),
    uptimeMs,
    interfaces: sources.interfaces(),
    dhcp: rack && {
      sockets: rack.dhcp.sockets(),
      problems: rack.dhcp.problems().map(({ name, error }) => ({ name, text: error.message })),
      counters: rack.dhcp.counters(),
    },
    tftp: rack && { listening: rack.tftp.listening.map(formatEndpoint), counters: rack.tftp.counters() },
    http: rack && { listening: rack.http.listening.map(formatEndpoint), counters: rack.http.counters() },
    dns: rack && { listening: rack.dns.listeners.map(formatEndpoint), counters: rack.dns.counters() },
    machinesKnown: rack?.machines.all.length ?? 0,
    region: sources.uplink(),
    journal: sources.journal(),
    notes: sources.notes(),
    memoryBytes: process.memoryUsage.rss(),
  };
}

function formatEndpoint({
  address,
  port,
}: {
  readonly address: Parameters<typeof formatIpv4>[0];
  readonly port: number;
}): string {
  return `${formatIpv4(address)}:${port}`;
}

function leases({ rack, clock }: StatusSources) {
  const running = rack();
  if (running === undefined) return [];
  const now = clock.now();
  const offset = clock.wallTimeMs() - now;
  return running.dhcp
    .leases()
    .toSorted((a, b) => a.address - b.address)
    .map((lease) => ({
      address: formatIpv4(lease.address),
      mac: formatMac(lease.mac),
      state: lease.state === 'bound' && !isHeld(lease, now) ? 'expired' : lease.state,
      machine: running.machines.findByMac(lease.mac)?.hostname,
      hostname: lease.hostname,
      grantedAt: new Date(lease.grantedAt + offset).toISOString(),
      expiresAt: new Date(lease.expiresAt + offset).toISOString(),
      seconds: lease.duration,
      vendorClass: lease.vendorClass,
    }));
}
