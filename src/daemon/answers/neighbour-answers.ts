// The control socket's list of hosts seen on this rack's networks, for `rackboot neighbours`.

import type { Clock } from '../../clock.ts';
import type { ControlAnswers } from '../../http/control/requests.ts';
import { formatIpv4, formatMac } from '../../net/address.ts';
import type { Rack } from '../rack/rack.ts';

interface Sources {
  readonly rack: () => Rack | undefined;
  readonly clock: Clock;
}

/** `GET /neighbours`: every host seen, by interface and address. */
export function neighbourAnswers(sources: Sources): ControlAnswers {
  return { '/neighbours': () => listNeighbours(sources) };
}

function listNeighbours({ rack, clock }: Sources) {
  const running = rack();
  const now = clock.now();
  const offset = clock.wallTimeMs() - now;
  const timeOf = (at: number): string => new Date(at + offset).toISOString();
  const all = running?.neighbourhood?.all() ?? [];
  return all
    .toSorted((a, b) =>
      a.interfaceName < b.interfaceName ? -1 : a.interfaceName > b.interfaceName ? 1 : a.address - b.address,
    )
    .map(({ interfaceName, address, mac, firstSeen, lastSeen, previousMac, movedAt }) => ({
      interface: interfaceName,
      address: formatIpv4(address),
      mac: formatMac(mac),
      machine: running?.machines.findByMac(mac)?.hostname,
      hostname: running?.dhcp.state().leases.find(address)?.hostname,
      firstSeen: timeOf(firstSeen),
      lastSeen: timeOf(lastSeen),
      secondsAgo: Math.max(0, Math.round((now - lastSeen) / 1000)),
      previousMac: previousMac === undefined ? undefined : formatMac(previousMac),
      movedAt: movedAt === undefined ? undefined : timeOf(movedAt),
    }));
}
