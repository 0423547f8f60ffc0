// Every port that a configuration needs on its host: the one list for `init`, `check`, `doctor`,
// and a start that is refused.

import { planSockets } from '../dhcp/networks/socket-plan.ts';
import { parseIpv4 } from '../ground/address.ts';
import { formatListenSetting } from '../http/config.ts';
import { INTERFACES_KEY } from '../machines/settings.ts';
import type { WantedPort } from '../net/ports/taken-ports.ts';
import type { RackConfig } from './rack-config.ts';

/** A rack, or a region apart from its racks. */
export type ConfigWithPorts = Pick<RackConfig, 'metrics' | 'region'> &
  Partial<Pick<RackConfig, 'clusterInterfaces' | 'uplink' | 'dhcp' | 'tftp' | 'dns' | 'http'>>;

/** The ports that a configuration wants, also those that the rack can do without. */
export const listWantedPorts = (config: ConfigWithPorts): readonly WantedPort[] => [
  ...listDhcpPorts(config),
  ...(config.tftp?.listen ?? []).map(
    (address): WantedPort => ({ protocol: 'UDP', address, port: config.tftp?.listenPort ?? 0, setting: 'tftp.listen' }),
  ),
  ...(config.dns?.listen ?? []).flatMap((address) =>
    (['UDP', 'TCP'] as const).map(
      (protocol): WantedPort => ({ protocol, address, port: config.dns?.listenPort ?? 0, setting: 'dns.listen' }),
    ),
  ),
  ...(config.http?.listen ?? []).map(
    ({ address, port, optional, secure }): WantedPort => ({
      protocol: 'TCP',
      address,
      port,
      setting: formatListenSetting(secure),
      isOptional: optional,
    }),
  ),
  ...listRegionPorts(config),
];

/**
 * The ports of the region and of the metrics. Without their addresses these are not opened, while
 * the others wait for them.
 */
export const listRegionPorts = ({ metrics, region, uplink }: ConfigWithPorts): readonly WantedPort[] => [
  ...metrics.listen.map(
    ({ address, port }): WantedPort => ({ protocol: 'TCP', address, port, setting: 'metrics.listen' }),
  ),
  ...(uplink?.mode === 'remote'
    ? []
    : [...listPorts(region.listen, 'region.listen'), ...listPorts(region.tls?.listen ?? [], 'region.tls.listen')]),
];

const listPorts = (listeners: RackConfig['region']['listen'], setting: string): readonly WantedPort[] =>
  listeners.flatMap(({ host, port }): readonly WantedPort[] => {
    const address = parseIpv4(host);
    return address === undefined ? [] : [{ protocol: 'TCP', address, port, setting }];
  });

/**
 * The ports of DHCP; for networks behind relay agents, which are on no device, those of the
 * addresses.
 */
function listDhcpPorts({ dhcp }: ConfigWithPorts): readonly WantedPort[] {
  const sockets = dhcp === undefined ? [] : planSockets(dhcp, undefined);
  return sockets
    .filter(
      ({ interfaceName, port }) =>
        interfaceName !== undefined ||
        sockets.every((socket) => socket.port !== port || socket.interfaceName === undefined),
    )
    .map(
      ({ address, port, interfaceName: device }): WantedPort => ({
        protocol: 'UDP',
        address,
        port,
        device,
        setting: INTERFACES_KEY,
      }),
    );
}
