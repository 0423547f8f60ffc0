// Machines in a store, stored and changed without the rules of the region.

import { mac } from '../../src/ground/address.ts';
import type { MachineChange } from '../../src/region/records/decisions.ts';
import type { MachineFields } from '../../src/region/records/machine.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../src/region/records/store.ts';

export const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'ann' };

export const FIELDS: MachineFields = {
  hostname: 'calm-otter',
  domain: 'maas',
  description: '',
  status: 'new',
  statusSinceMs: 1000,
  architecture: 'amd64',
  subarchitecture: 'generic',
  osystem: '',
  release: '',
  netboot: true,
  powerType: '',
  powerParameters: {},
  powerState: 'unknown',
};

/** A new machine with these interfaces, which racks have booted. `more`: further parts of the decision. */
export const addMachine = (
  store: RegionStore,
  systemId: string,
  macs: readonly number[],
  fields: Partial<MachineFields> = {},
  { source = 'vouched', ...more }: More = {},
) =>
  store.enlist<never>({ macs: macs.map(mac), values: [], atMs: 1000 }, () => ({
    kind: 'create',
    systemId,
    fields: { ...FIELDS, hostname: systemId, ...fields },
    interfaces: macs.map((value, index) => ({ mac: mac(value), name: `eth${index}`, source })),
    events: [],
    ...more,
  }));

interface More {
  readonly source?: 'vouched' | 'hearsay';
  readonly events?: readonly NewMachineEvent[];
  readonly gone?: { readonly systemId: string; readonly event: NewMachineEvent };
}

/** `more`: further parts of the decision. */
export const setFields = (
  store: RegionStore,
  systemId: string,
  fields: Partial<MachineFields>,
  more: Partial<Changed> = {},
  atMs = 2,
) => store.changeMachine<never>(systemId, atMs, () => ({ kind: 'change', fields, events: [], ...more }));

type Changed = Extract<MachineChange<never>, { readonly kind: 'change' }>;

export const idsOf = (machines: readonly { readonly systemId: string }[]): readonly string[] =>
  machines.map(({ systemId }) => systemId);
