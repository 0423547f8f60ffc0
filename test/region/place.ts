// A region for tests: a store in a directory of its own, a virtual clock, reports and facts as machines send them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSettingsRules } from '../../src/config/settings-rules.ts';
import { type MacAddress, mac, parseIpv4, parseNetwork } from '../../src/ground/address.ts';
import type { DesiredState } from '../../src/machines/machine.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import type { EnlistmentReport } from '../../src/region/identity/enlistment-report.ts';
import { type HardwareFacts, parseHardwareFacts } from '../../src/region/records/hardware-facts.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { openRegion, type Region, type RegionOptions } from '../../src/region/region.ts';
import { REGION_FILE } from '../../src/store/region/region-schema.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const SECRET = 'a-secret-of-the-rack';
/** Of the operator's listener. */
export const CONTROL_SECRET = 'the secret of the control socket';

export interface RegionPlace {
  readonly config: RegionConfig;
  readonly store: RegionStore;
  readonly clock: VirtualClock;
  readonly region: Region;
  /** Every desired state that was announced. */
  readonly states: DesiredState[];
  readonly stateDir: string;
  remove(): Promise<void>;
}

let emptyDatabase: Buffer | undefined;

/** A new region.db. Its tables are made once in a process: a test that makes them itself takes a quarter longer. */
async function makeDatabase(stateDir: string): Promise<void> {
  const path = join(stateDir, REGION_FILE);
  if (emptyDatabase === undefined) {
    await openRegionStore({ stateDir }).close();
    emptyDatabase = readFileSync(path);
  } else writeFileSync(path, emptyDatabase, { mode: 0o600 });
}

/** @param opened default: a region.db of its own */
export async function makeRegion(
  overrides: Partial<RegionConfig> = {},
  seed = 1,
  opened?: RegionStore,
  options: Partial<RegionOptions> = {},
): Promise<RegionPlace> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-region-'));
  const network = parseNetwork('10.20.0.0/24');
  const config: RegionConfig = {
    listen: [{ host: '127.0.0.1', port: 0 }],
    stateDir,
    managedNetworks: network === undefined ? [] : [network],
    domain: 'maas',
    newMachinesMax: 100,
    rackSecret: SECRET,
    controlSecret: CONTROL_SECRET,
    ...overrides,
  };
  if (opened === undefined) await makeDatabase(stateDir);
  const store = opened ?? openRegionStore({ stateDir });
  const clock = new VirtualClock(1_700_000_000_000, seed);
  const states: DesiredState[] = [];
  const region = await openRegion({
    config,
    store,
    clock,
    rules: makeSettingsRules(() => []),
    onDesiredState: (state) => void states.push(state),
    ...options,
  });
  return {
    config,
    store,
    clock,
    region,
    states,
    stateDir,
    async remove() {
      region.close();
      await store.close();
      rmSync(stateDir, { recursive: true });
    },
  };
}

/** Enlists a machine; throws when it is refused. */
export async function enlist(region: Region, of: EnlistmentReport): Promise<Machine> {
  const outcome = await region.enlist(of);
  if (outcome.kind === 'refuse') throw new Error(outcome.refusal.text);
  return outcome.machine;
}

export async function withRegion(
  work: (place: RegionPlace) => void | Promise<void>,
  overrides: Partial<RegionConfig> = {},
): Promise<void> {
  const place = await makeRegion(overrides);
  try {
    await work(place);
  } finally {
    await place.remove();
  }
}

/** Facts with this identity. */
export function facts(
  dmi: { readonly uuid?: string; readonly serial?: string; readonly board_serial?: string },
  more: object = {},
): HardwareFacts {
  const parsed = parseHardwareFacts(JSON.stringify({ version: 1, dmi, ...more }));
  if (parsed.kind === 'fault') throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** The address of hosts that report. */
const REPORTER = parseIpv4('10.20.0.99');

/** A report: of a host, or of a user if `more` names one. */
export function report(macs: readonly (MacAddress | number)[], more: Partial<EnlistmentReport> = {}): EnlistmentReport {
  return {
    macs: macs.map(mac),
    architecture: 'amd64',
    subarchitecture: 'generic',
    hostname: undefined,
    domain: 'maas',
    powerType: '',
    powerParameters: {},
    facts: undefined,
    username: undefined,
    address: more.username === undefined ? REPORTER : undefined,
    ...more,
  };
}

/** A report of a machine that a rack booted by its first interface. */
export function bootReport(
  macs: readonly [MacAddress | number, ...(MacAddress | number)[]],
  more: Partial<EnlistmentReport> = {},
): EnlistmentReport {
  return report(macs, { vouchedMac: mac(macs[0]), ...more });
}

/** The hardware addresses of a machine's interfaces; none of an unknown machine. */
export const macsOf = (machine: Machine | undefined): readonly number[] =>
  machine?.interfaces.map((nic) => nic.mac) ?? [];
