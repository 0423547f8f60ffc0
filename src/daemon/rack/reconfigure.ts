// Replaces the configuration in everything that runs: the boot tree, the log, the region's
// listeners, and the rack's servers.
//
//   next: ports free? ─ tree ─ log ─ open the region's new listeners ─ rack (now forwards to them) ─┬─ close the region's old listeners
//                                                                                                    └─ failed: back to `before`
//
// 1. Steps that can fail precede steps that cannot be undone; after a failure everything is as before.
// 2. The region's listener for machines' requests is open before the rack uses it, and stays open
//    until the rack no longer does.

import type { RunningLease } from '../../config/difference.ts';
import { listConfigRemarks } from '../../config/notes.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { isActive } from '../../dhcp/leases/lease-table.ts';
import { formatMac, type Ipv4 } from '../../ground/address.ts';
import { type Clock, pause } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import type { Log } from '../../observe/log.ts';
import type { RegionConfig } from '../../region/config.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { withText } from '../../region/reports/notes.ts';
import type { RackUplink } from '../../uplink/rack-uplink.ts';
import type { ConfigurationDeps } from './configuration.ts';
import type { LiveTree } from './live-tree.ts';
import type { Rack } from './rack.ts';
import { checkNewListeners } from './region-preflight.ts';
import { findLeasesLeft } from './region-side.ts';

/** How long the region may take to open a listener, in milliseconds. */
const LISTENING_MS_MAX = 5000;
const LISTENING_CHECK_MS = 20;

interface ReconfigureDeps {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  readonly host: () => readonly HostInterface[];
  readonly rack: () => Rack | undefined;
  readonly tree: () => LiveTree | undefined;
  readonly log: Pick<Log, 'moveTo'>;
  readonly uplink: () => RackUplink | undefined;
  readonly regionConfig: (config: RackConfig) => RegionConfig;
  readonly onConfigApplied: (config: RackConfig) => void;
}

/** Connects the configuration to the running parts. */
export function makeConfigurationDeps(deps: ReconfigureDeps): ConfigurationDeps {
  let leasesToReport: readonly Lease[] = [];
  return {
    clock: deps.clock,
    publish: deps.publish,
    host: deps.host,
    leases: () => listRunningLeases(deps),
    async apply({ config: nextConfig }, { config: previousConfig }) {
      // Refuse now, before any change, what the next start would refuse; a remote region has no
      // listener here.
      if (nextConfig.uplink.mode === 'embedded') await checkNewListeners(nextConfig.region, previousConfig.region);
      try {
        await applyConfig(deps, nextConfig, previousConfig);
        leasesToReport = findLeasesOutside(deps, nextConfig, previousConfig);
      } catch (error) {
        await applyConfig(deps, previousConfig, previousConfig).catch(() => undefined);
        throw error;
      }
    },
    onConfigApplied(config) {
      deps.uplink()?.configure(deps.regionConfig(config));
      deps.uplink()?.introduce();
      // The region keeps no lease of a range that the rack's description still calls dynamic.
      deps.uplink()?.reportLeases(leasesToReport);
      leasesToReport = [];
      deps.onConfigApplied(config);
      for (const note of listConfigRemarks(config))
        deps.publish({ kind: 'daemon.note', at: deps.clock.now(), ...withText(note) });
    },
    // The rack's description names the settings that it refused.
    refused: () => deps.uplink()?.introduce(),
  };
}

/**
 * The leases outside the new dynamic ranges: the region must know them, or it gives their addresses
 * to others.
 */
function findLeasesOutside(
  { rack, clock }: ReconfigureDeps,
  nextConfig: RackConfig,
  previousConfig: RackConfig,
): readonly Lease[] {
  const find = (address: Ipv4): Lease | undefined => rack()?.findLease(address);
  return findLeasesLeft(previousConfig.dhcp.subnets, nextConfig.dhcp.subnets, find, clock.now());
}

async function applyConfig(deps: ReconfigureDeps, nextConfig: RackConfig, previousConfig: RackConfig): Promise<void> {
  await deps.tree()?.moveTo(nextConfig.boot.tree);
  await deps.log.moveTo(nextConfig.log);
  await openRegionListener(deps, nextConfig, previousConfig);
  await deps.rack()?.configure(nextConfig, deps.host());
}

/**
 * Makes the region also listen on the address that the rack will forward requests to, in addition
 * to its present listeners.
 */
async function openRegionListener(
  deps: ReconfigureDeps,
  nextConfig: RackConfig,
  previousConfig: RackConfig,
): Promise<void> {
  const uplink = deps.uplink();
  const endpoint = nextConfig.http.region;
  const isSame =
    endpoint?.host === previousConfig.http.region?.host && endpoint?.port === previousConfig.http.region?.port;
  if (uplink === undefined || endpoint === undefined || isSame || uplink.status().addresses.length === 0) return;
  const listen = [...nextConfig.region.listen, ...previousConfig.region.listen];
  uplink.configure(deps.regionConfig({ ...nextConfig, region: { ...nextConfig.region, listen } }));
  const name = `${endpoint.host}:${endpoint.port}`;
  for (let waitedMs = 0; waitedMs < LISTENING_MS_MAX; waitedMs += LISTENING_CHECK_MS) {
    if (uplink.status().addresses.includes(name)) return;
    await pause(deps.clock, LISTENING_CHECK_MS);
  }
  uplink.configure(deps.regionConfig(previousConfig));
  throw new RackError(
    'region-failed',
    `region.listen: the region did not open ${name} within ${LISTENING_MS_MAX / 1000} s; find the program that uses the port, or choose another`,
  );
}

/** The running leases, unordered; they may change during the iteration. */
function* listRunningLeases({ clock, rack }: ReconfigureDeps): Generator<RunningLease> {
  for (const lease of rack()?.leases() ?? []) {
    if (isActive(lease, clock.now())) yield { address: lease.address, mac: formatMac(lease.mac) };
  }
}
