// The record of the rack in the region's own process.

import { LINK_VERSION, type Rack } from '../records/rack.ts';
import type { RackDescription } from '../records/rack-description.ts';
import type { RackChange } from '../records/rack-store.ts';

const NO_PULSE = { life: '', applied: 0, waiting: 0, dropped: 0, deadLetters: 0, startedMs: 0 } as const;

/**
 * Replaces the process's own rack. A former own rack must then register like any other, and gets the settings stored for it.
 * @param description undefined: the process has no rack
 */
export function decideOwnRack(
  description: RackDescription | undefined,
  racks: readonly Rack[],
  atMs: number,
): RackChange<void> {
  const remove = racks.filter((one) => one.isEmbedded && one.uuid !== description?.uuid).map(({ uuid }) => uuid);
  if (description === undefined) return { put: [], remove, events: [], result: undefined };
  const { uuid, name, version, interfaces, pinned, settingsRefused, addresses } = description;
  const known = racks.find((rack) => rack.uuid === uuid);
  const rack: Rack = {
    uuid,
    name,
    version,
    interfaces,
    agreed: [],
    disputed: [],
    state: 'accepted',
    isEmbedded: true,
    uplink: LINK_VERSION,
    address: '',
    registeredMs: known?.registeredMs ?? atMs,
    stateSinceMs: known?.stateSinceMs ?? atMs,
    seenMs: atMs,
    refused: [],
    // The own rack sends no heartbeats; only these fields of one are needed.
    ...(settingsRefused === undefined && addresses === undefined
      ? {}
      : { pulse: { ...NO_PULSE, pinned, settingsRefused, addresses } }),
  };
  return { put: [rack], remove, events: [], result: undefined };
}
